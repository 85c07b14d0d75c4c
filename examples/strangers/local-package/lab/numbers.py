def slope(xs, ys):
    return sum(x * y for x, y in zip(xs, ys, strict=True)) / sum(x * x for x in xs)
