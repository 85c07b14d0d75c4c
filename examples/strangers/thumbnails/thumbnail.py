"""Draws a gradient and makes a small picture of it."""

import numpy as np
from PIL import Image

gradient = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
Image.fromarray(gradient).resize((16, 16)).save("small.png")
print(Image.open("small.png").size)
