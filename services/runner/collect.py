"""What a script left behind: regular files, new or changed, become outputs; everything else is refused by name.

The processes are gone by now, but what they left is still theirs: no link is followed, no device or FIFO opened.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from domain.errors import Invalid
from domain.execution.events import RefusedOutput
from domain.files import FILES_MAX, MANIFEST_BYTES_MAX, FileRef, checked_path
from services.runner.stage import Print

REFUSED_NAMED_MAX = 100
DEPTH_MAX = 200
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

    listed_bytes: int = 0

    def room_for(self, path: str) -> bool:
        """Whether one more file still fits into a list that can be read again."""
        self.listed_bytes += len(orjson.dumps(path)) + ENTRY_BYTES
        return len(self.files) < FILES_MAX and self.listed_bytes <= MANIFEST_BYTES_MAX

    def refuse(self, path: str, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_NAMED_MAX:
            shown = path.encode("utf-8", "backslashreplace").decode()[:1000]
            self.refused.append(RefusedOutput(shown, reason))


def collect(folder: Path, staged: Mapping[str, Print]) -> Collected:
    """Walk the working folder. Reads every output once, to hash it: run it in a thread."""
    found = Collected()
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _walk(root, "", 0, staged, found)
    finally:
        os.close(root)
    found.files.sort(key=lambda file: file.path)
    return found


def _walk(fd: int, prefix: str, depth: int, staged: Mapping[str, Print], found: Collected) -> None:
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            problem = _problem(path, status.st_mode, depth)
            if problem:
                found.refuse(path, problem)
            elif stat.S_ISDIR(status.st_mode):
                _enter(fd, name, status.st_mode, path, depth, staged, found)
            elif staged.get(path) != Print.of(status):
                if not found.room_for(path):
                    found.refuse(path, f"{FILES_MAX:,} files are brought home at most; pack them into an archive")
                    continue
                found.files.append(_hash(fd, name, path, status))
        except OSError as error:
            found.refuse(path, f"it cannot be read: {error.strerror}")


def _enter(fd: int, name: str, mode: int, path: str, depth: int, staged: Mapping[str, Print], found: Collected) -> None:
    if mode & 0o700 != 0o700:
        os.chmod(name, 0o700, dir_fd=fd)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
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
    if not status.st_mode & 0o400:
        os.chmod(name, status.st_mode & 0o777 | 0o400, dir_fd=fd)
    inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(inner, "rb", buffering=0) as file:
        while piece := file.read(HASH_BYTES):
            digest.update(piece)
            size += len(piece)
    return FileRef(path, digest.hexdigest(), size, 0o644 | (status.st_mode & 0o111))
