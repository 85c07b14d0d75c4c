"""An environment out of an archive, taken apart with suspicion: it is another machine's word."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import zstandard

from services.runner.environments.folder import OWN

WINDOW_BYTES_MAX = 128 * 1024**2
ENTRIES_MAX = 1_000_000
HEADER_BYTES_MAX = 1024**2
WRITERS = 4
"""The kernel makes the files: several at once."""
PIECE_BYTES = 1024**2


class BadArchive(Exception):
    """It is not an environment, or is meant to be more than that."""


def unpack(path: Path, sha256: str, folder: Path, bytes_max: int) -> None:
    """Fill `folder`, which is new, from an archive of that hash. Raises BadArchive, OSError. Run it in a thread."""
    with path.open("rb") as raw, tempfile.TemporaryFile(dir=path.parent) as tar:
        if hashlib.file_digest(raw, "sha256").hexdigest() != sha256:
            raise BadArchive("it does not have the content that its hash names")
        raw.seek(0)
        try:
            unpacking = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
            unpacking.copy_stream(raw, _Bounded(tar, bytes_max), write_size=PIECE_BYTES)  # type: ignore[arg-type]
            tar.seek(0)
            with tarfile.open(fileobj=tar, mode="r:", tarinfo=_Info) as archive:
                _take_all(archive, tar.fileno(), folder)
        except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, FileExistsError) as error:
            raise BadArchive(str(error) or type(error).__name__) from error


def _take_all(archive: tarfile.TarFile, source: int, folder: Path) -> None:
    """Folders come before what is in them, and links are made last: nothing is ever written through one."""
    top, files, links, folders = os.path.realpath(folder), [], [], {""}
    for number, info in enumerate(archive):
        name = _checked(info.name, folders)
        if number > ENTRIES_MAX:
            raise BadArchive(f"it has more than {ENTRIES_MAX:,} files")
        path = f"{top}/{name}"
        if info.isdir():
            os.mkdir(path, 0o755)  # noqa: PTH102 (thousands of them)
            folders.add(name)
        elif info.isreg() and not info.issparse():
            files.append(info)
        elif info.issym():
            links.append((name, info.linkname))
        else:
            raise BadArchive(f"{name!r} is neither a file nor a folder")
    with ThreadPoolExecutor(WRITERS) as writers:
        for _ in writers.map(lambda info: _write(source, info, f"{top}/{info.name}"), files):
            pass
    for name, goal in links:
        _link(top, name, goal)


def _checked(name: str, folders: set[str]) -> str:
    parts = name.split("/")
    if (
        not all(parts)
        or ".." in parts
        or "." in parts
        or "\0" in name
        or name in OWN
        or "/".join(parts[:-1]) not in folders
    ):
        raise BadArchive(f"{name!r} is not a path in an environment")
    return name


def _write(source: int, info: tarfile.TarInfo, path: str) -> None:
    """Straight from one file to the other, without a way through our memory."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if info.mode & 0o100 else 0o644)
    try:
        at, left = info.offset_data, info.size
        while left and (copied := os.sendfile(fd, source, at, left)):
            at, left = at + copied, left - copied
    finally:
        os.close(fd)
    if left:
        raise BadArchive(f"{info.name!r} is cut off")


def _link(top: str, name: str, goal: str) -> None:
    """Inside only; what it leads to may be a link too, which is checked likewise."""
    parent = os.path.dirname(f"{top}/{name}")  # noqa: PTH120
    if os.path.isabs(goal) or not os.path.normpath(f"{parent}/{goal}").startswith(top + "/"):  # noqa: PTH117
        raise BadArchive(f"{name!r} is a link that leaves the environment")
    os.symlink(goal, f"{top}/{name}")  # noqa: PTH211
    if not os.path.realpath(f"{top}/{name}").startswith(top + "/"):
        raise BadArchive(f"{name!r} is a link that leaves the environment")


class _Info(tarfile.TarInfo):
    """Refuses headers that tarfile would read whole into memory: long names, and what PAX says of the next file."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, tarfile.SYMTYPE) and self.size > HEADER_BYTES_MAX:
            raise BadArchive(f"it has a header of {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


class _Bounded:
    """Writes through, up to a bound: a few bytes can unpack to any number."""

    def __init__(self, file: IO[bytes], bytes_max: int) -> None:
        self._file, self._room, self._bytes_max = file, bytes_max, bytes_max

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise BadArchive(f"it is larger than {self._bytes_max:,} bytes")
        return self._file.write(data)
