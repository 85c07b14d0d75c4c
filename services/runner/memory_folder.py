"""Folders that never touch a disk, for files that a script without a box is to find: what no mount hides, a mode does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

MEMORY = ("tmpfs", "ramfs")
PLACES = ("/dev/shm", "/run/user/{uid}", "/run")
MOUNTS = Path("/proc/self/mounts")


class NoMemoryFolder(Exception):
    """This machine has no place in memory for files."""


def make(node_folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """A new folder (0700) with `files` (0400) in it. Raises NoMemoryFolder, OSError; nothing is left then."""
    base = _base(node_folder)
    make_ours(base)
    folder = base / name
    folder.mkdir(mode=0o700)
    try:
        for each, data in files.items():
            with open(os.open(folder / each, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:  # noqa: PTH123
                file.write(data)
    except BaseException:
        remove(folder)
        raise
    return folder


def make_ours(folder: Path) -> None:
    """A folder (0700) in a place where everybody can make one; it may be there. PermissionError: it is not ours alone."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not ours alone")


def remove(folder: Path) -> None:
    """The folder and all that is in it; also the one above it when it was the last."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def clear(node_folder: Path) -> None:
    """All folders that an earlier life of this node left."""
    with contextlib.suppress(NoMemoryFolder, OSError):
        base = _base(node_folder)
        if base.lstat().st_uid == os.geteuid():
            shutil.rmtree(base, ignore_errors=True)


def _base(node_folder: Path) -> Path:
    """Of this node alone, the same in every life of it."""
    name = hashlib.sha256(os.fsencode(node_folder.absolute())).hexdigest()[:16]
    return _place(mounts(MOUNTS.read_text() if MOUNTS.exists() else "")) / f"rgrid-{name}"


def _place(in_memory: Iterable[str]) -> Path:
    known = set(in_memory)
    for place in PLACES:
        path = place.format(uid=os.geteuid())
        if path in known and os.access(path, os.W_OK | os.X_OK):
            return Path(path)
    raise NoMemoryFolder("there is no place in memory for files (a tmpfs at /dev/shm)")


def mounts(text: str) -> list[str]:
    """Where memory is mounted, out of /proc/self/mounts."""
    lines = [line.split(" ") for line in text.splitlines()]
    return [line[1] for line in lines if len(line) > 2 and line[2] in MEMORY]
