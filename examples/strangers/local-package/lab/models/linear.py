"""A line through points, as a table."""

from tabulate import tabulate

from ..numbers import slope


def fit(xs, ys):
    return tabulate([["slope", slope(xs, ys)]], tablefmt="plain")
