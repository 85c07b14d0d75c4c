"""A script beside its own package."""

from lab.models.linear import fit

print(fit([1, 2, 3], [2, 4, 6]))
