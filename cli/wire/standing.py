"""What stands where an output belongs: a file can be overwritten when that is asked for, a folder or a link on the way not."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..terminal.screen import clean, typed


def unmovable(folder: Path, paths: Iterable[Path]) -> str:
    """Why not even --force puts a file at one of `paths` below `folder`: `a/b is a folder`; empty when it can."""
    seen: set[Path] = set()
    for path in paths:
        if is_folder(path):
            return f"{clean(path)} is a folder, and an output of that name is a file"
        if path.parent in seen:
            continue
        seen.add(path.parent)
        for above in reversed(path.parents):
            if not above.is_relative_to(folder) or not os.path.lexists(above):
                continue
            if not above.is_dir():
                kind = "a link" if above.is_symlink() else "a file"
                return f"{clean(above)} is {kind}, and outputs need a folder of that name"
    return ""


def is_folder(path: Path) -> bool:
    """Whether a folder stands there, not a link to one; False also for a name that is too long to ask about."""
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114 - those of Path raise then


def way_out(command: str, folder: Path, *, movable: bool) -> str:
    """What to type so that the outputs come home nevertheless; `command` is `rgrid download ID`."""
    other = f"Another folder: {command} -o other"
    return f"{other}      Overwrite: {command} -o {typed(folder)} --force" if movable else other
