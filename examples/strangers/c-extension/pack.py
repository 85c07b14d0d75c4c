"""Packs with compiled code."""

import msgpack
from msgpack import _cmsgpack

print(msgpack.unpackb(msgpack.packb({"a": [1, 2]})), _cmsgpack.Packer.__name__)
