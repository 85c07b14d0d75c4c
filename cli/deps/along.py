"""Modules of one's own go along with the script, each at the place where Python will find it again."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import Path

from ..job.inputs import Plan, inside_name

STAGE = "imports"
"""Where modules go that lie neither in this folder nor beside the script."""


def take_along(plan: Plan, script: Path, files: dict[Path, Path]) -> tuple[int, list[str]]:
    """Put `files` (by the root they were found in) into the plan: how many were not there already, and the folders that
    Python has to look into beside that of the script."""
    roots: dict[Path, str] = {}
    beside = Path(script.parent).absolute()
    fresh = 0
    for path, root in sorted(files.items()):
        name = roots.setdefault(root, place_of(root, beside, plan, roots.values()))
        full = posixpath.normpath(posixpath.join(name, relative(path, root)))
        if full != plan.script and full not in plan.files:
            plan.add(full, path)
            fresh += 1
    return fresh, [name for root, name in roots.items() if not same(root, beside)]


def place_of(root: Path, beside: Path, plan: Plan, taken: Iterable[str]) -> str:
    """The folder on the grid for what lies below `root`."""
    if same(root, beside):
        return posixpath.dirname(plan.script) or "."
    inside = inside_name(root)
    if inside is not None:
        return inside
    name, number = f"{STAGE}/{root.name}", 1
    while name in taken:
        number += 1
        name = f"{STAGE}/{number}/{root.name}"
    return name


def relative(path: Path, root: Path) -> str:
    """The path of a module below its root; one above it (`from .. import`) keeps its name alone."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def same(one: Path, other: Path) -> bool:
    return posixpath.normpath(one.as_posix()) == posixpath.normpath(other.as_posix())
