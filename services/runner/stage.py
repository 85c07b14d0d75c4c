"""Puts the files of a job into its working folder, as copies: what a script does to them, the cache never sees."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Invalid
from domain.files import FileRef, checked_path
from services.runner.blobs import BlobCache
from services.runner.sandbox.box import BOX_UID

COLLISIONS = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
"""What the paths of a job are to blame for; every other error is the machine's."""


class Unfit(Invalid):
    """The paths of the job cannot be files in one folder: no node could make them."""

    code = "INPUT_DAMAGED"


@dataclass(frozen=True, slots=True)
class Print:
    """What tells a changed file from an unchanged one."""

    mtime_ns: int
    size_bytes: int
    inode: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Print:
        return cls(status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode & 0o111)


def stage(folder: Path, files: Iterable[FileRef], cache: BlobCache, owned_by_box: bool) -> dict[str, Print]:
    """Copy `files` out of the cache; their prints by path. `owned_by_box`: they become the box user's.

    Raises Unfit for a path that leaves the folder and for two that cannot both be, OSError when the machine fails.
    """
    prints: dict[str, Print] = {}
    made = {folder}
    for file in files:
        if file.path in prints:
            raise Unfit(f"two files of the job have the path {file.path!r}")
        try:
            path = folder / checked_path(file.path)
            if path.parent not in made:
                _make(path.parent, made, owned_by_box)
            prints[file.path] = _copy(cache, file, path, owned_by_box)
        except Invalid as error:
            raise Unfit(error.message) from error
        except OSError as error:
            if error.errno in COLLISIONS:
                raise Unfit(f"{file.path!r}: {error.strerror}") from error
            cache.forget_vanished()
            raise
    return prints


def _copy(cache: BlobCache, file: FileRef, path: Path, owned_by_box: bool) -> Print:
    shutil.copyfile(cache.path(file.sha256), path)
    path.chmod(0o644 | (file.mode & 0o111))
    if owned_by_box:
        os.chown(path, BOX_UID, BOX_UID)
    return Print.of(path.stat())


def _make(folder: Path, made: set[Path], owned_by_box: bool) -> None:
    """Make the folder and those above it."""
    if folder in made:
        return
    _make(folder.parent, made, owned_by_box)
    folder.mkdir(exist_ok=True)
    if owned_by_box:
        os.chown(folder, BOX_UID, BOX_UID)
    made.add(folder)
