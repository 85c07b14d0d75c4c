"""How far up from a script we look: to the root of its repository, never into a home folder or where anybody may write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..job.config import ROOT_MARKS


def folders_up(start: Path) -> list[Path]:
    """`start` and the folders above it that belong to the same work: up to the repository's root; without one, to before
    the home folder, the root of the disk, or a folder that everybody may write to."""
    start = Path(os.path.abspath(start))  # noqa: PTH100 - links are not looked through
    chain = [start, *start.parents]
    for i, folder in enumerate(chain):
        if any((folder / mark).exists() for mark in ROOT_MARKS):
            return chain[: i + 1]
        if i and shared(folder):
            break
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never raises
    found = [start]
    for folder in chain[1:]:
        if folder == home or folder.parent == folder or shared(folder):
            break
        found.append(folder)
    return found


def shared(folder: Path) -> bool:
    """Whether anybody may put files there, as into /tmp."""
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def root_of(start: Path) -> Path | None:
    """The root of the repository, if there is one."""
    top = folders_up(start)[-1]
    return top if any((top / mark).exists() for mark in ROOT_MARKS) else None


def shown(path: Path) -> str:
    """A path as a person finds it from here, without saying where here is."""
    near = os.path.relpath(path)
    return near if near.count("..") <= 3 else path.name
