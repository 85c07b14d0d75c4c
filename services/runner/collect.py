"""What a script left behind: regular files, new or changed, become outputs; everything else is refused by name.

The processes are gone by now, but what they left is still theirs: no link is followed, no device or FIFO opened.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from domain.errors import Invalid
from domain.execution.events import RefusedOutput
from domain.files import FILES_MAX, MANIFEST_BYTES_MAX, PATH_BYTES_MAX, FileRef, checked_path
from services.runner.plain_file import entered, plain
from services.runner.stage import Print

REFUSED_NAMED_MAX = 100
DEPTH_MAX = 200
LOOKED_AT_MAX = 500_000
"""Names in all folders together."""
ENTRY_BYTES = 160
"""Of one file in a manifest, beside its path."""
HASH_BYTES = 1024 * 1024
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(slots=True)
class Collected:
    """Outputs in the order of their paths; the first REFUSED_NAMED_MAX refused ones, and how many there were."""

    files: list[FileRef] = field(default_factory=list)
    refused: list[RefusedOutput] = field(default_factory=list)
    refused_count: int = 0

    bytes_max: int = sys.maxsize
    """Of all files together; a disk holds less than their lengths say where there are holes or many names for one."""
    path_bytes_max: int = PATH_BYTES_MAX
    """What is left of the longest path for a name below the folder: it is read by its whole path."""
    listed_bytes: int = 0
    size_bytes: int = 0
    looked_at: int = 0

    def problem(self, path: str, size_bytes: int) -> str:
        """Why one more file does not fit: as a path, in a list that can be read again, in what a job may write. Or nothing."""
        if len(path.encode()) > self.path_bytes_max:
            return f"its path is longer than {self.path_bytes_max} bytes"
        self.listed_bytes += len(orjson.dumps(path)) + ENTRY_BYTES
        if len(self.files) >= FILES_MAX or self.listed_bytes > MANIFEST_BYTES_MAX:
            return f"{FILES_MAX:,} files are brought home at most; pack them into an archive"
        if self.size_bytes + size_bytes > self.bytes_max:
            return "with its holes, or under all of its names, it is more than the job may write to the disk"
        self.size_bytes += size_bytes
        return ""

    def refuse(self, path: str, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_NAMED_MAX:
            shown = path.encode("utf-8", "backslashreplace").decode()[:1000]
            self.refused.append(RefusedOutput(shown, reason))


def collect(folder: Path, staged: Mapping[str, Print], bytes_max: int = sys.maxsize) -> Collected:
    """Walk the working folder; its files are `bytes_max` long at most. Reads each once, to hash it: run it in a thread."""
    found = Collected(bytes_max=bytes_max, path_bytes_max=PATH_BYTES_MAX - len(os.fsencode(folder)) - 2)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _walk(root, "", 0, staged, found)
    finally:
        os.close(root)
    found.files.sort(key=lambda file: file.path)
    return found


def _walk(fd: int, prefix: str, depth: int, staged: Mapping[str, Print], found: Collected) -> None:
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in islice(entries, LOOKED_AT_MAX - found.looked_at))
        if next(entries, None) is not None:
            found.refuse(prefix, f"more than {LOOKED_AT_MAX:,} names are not looked at; pack them into an archive")
    found.looked_at += len(names)
    for name in names:
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            problem = _problem(path, status.st_mode, depth)
            if problem:
                found.refuse(path, problem)
            elif stat.S_ISDIR(status.st_mode):
                _enter(fd, name, path, depth, staged, found)
            elif staged.get(path) == Print.of(status):
                continue
            elif full := found.problem(path, status.st_size):
                found.refuse(path, full)
            else:
                found.files.append(_hash(fd, name, path, status))
        except OSError as error:
            found.refuse(path, f"it cannot be read: {error.strerror or error}")


def _enter(fd: int, name: str, path: str, depth: int, staged: Mapping[str, Print], found: Collected) -> None:
    inner = entered(fd, name, os.O_RDONLY | os.O_DIRECTORY, 0o700)
    try:
        _walk(inner, path + "/", depth + 1, staged, found)
    finally:
        os.close(inner)


def _problem(path: str, mode: int, depth: int) -> str:
    """Why it does not come home, or nothing."""
    kind = stat.S_IFMT(mode)
    if kind in KINDS:
        return f"it is {KINDS[kind]}; only regular files are brought home"
    try:
        path.encode("utf-8")
        checked_path(path)
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    except Invalid as error:
        return error.message
    if depth >= DEPTH_MAX and stat.S_ISDIR(mode):
        return f"it is more than {DEPTH_MAX} folders deep"
    return ""


def _hash(fd: int, name: str, path: str, status: os.stat_result) -> FileRef:
    inner = plain(entered(fd, name, os.O_RDONLY, 0o400), status.st_size, name)
    digest, left = hashlib.sha256(), status.st_size
    with os.fdopen(inner, "rb", buffering=0) as file:
        while left and (piece := file.read(min(left, HASH_BYTES))):
            digest.update(piece)
            left -= len(piece)
    return FileRef(path, digest.hexdigest(), status.st_size - left, 0o644 | (status.st_mode & 0o111))
