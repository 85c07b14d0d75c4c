"""The table of well-known names: which package brings a module. Kept by hand in known.txt; where it is silent nobody guesses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("known.txt")
NEAR = 0.8


@cache
def table() -> dict[str, tuple[str, ...]]:
    """The packages by module, the one to take first."""
    lines = (line.split() for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {module: tuple(packages) for module, *packages in lines}


def packages_of(module: str) -> tuple[str, ...]:
    """The packages that bring `module` or one of the modules it lies in; the deepest name in the table counts."""
    parts = module.split(".")
    for depth in range(len(parts), 0, -1):
        if found := table().get(".".join(parts[:depth])):
            return found
    return ()


def near(name: str) -> str:
    """The known module or package whose name is nearest; empty when none is near. A hint for eyes, never installed."""
    import difflib

    from .installed import normal

    names = {each.lower(): each for each in table()}
    names |= {normal(package): package for packages in table().values() for package in packages}
    found = difflib.get_close_matches(normal(name), names, 1, cutoff=NEAR)
    return names[found[0]] if found else ""
