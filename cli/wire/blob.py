"""A file as the grid knows it: the SHA-256 of its content, and proof that it is still the one that was hashed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..terminal.screen import clean

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Content to upload: a file on the disk, or `data` that was made here."""

    sha256: str
    size_bytes: int
    path: Path | None = None
    stamp: tuple[int, ...] = ()
    data: bytes = b""

    def still_same(self) -> None:
        """Raise UsageProblem when the file is not the one that was hashed."""
        if self.path is not None and stamp(self.path) != self.stamp:
            raise changed(self.path)

    def piece(self, offset: int, length: int) -> bytes:
        """Bytes of the content from `offset`; raises UsageProblem when the file changed."""
        if self.path is None:
            return self.data[offset : offset + length]
        self.still_same()
        with self.path.open("rb") as source:
            source.seek(offset)
            return source.read(length)


def of_file(path: Path) -> Blob:
    """Hash `path`, streaming; raises UsageProblem if it changes meanwhile or cannot be read."""
    digest = hashlib.sha256()
    try:
        before = stamp(path)
        with path.open("rb") as source:
            while piece := source.read(PIECE):
                digest.update(piece)
        if stamp(path) != before:
            raise changed(path)
    except OSError as broken:
        raise UsageProblem(f"{clean(path)} cannot be read ({broken.strerror}).", code="FILE_UNREADABLE") from None
    return Blob(digest.hexdigest(), before[0], path, before)


def of_bytes(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data), data=data)


def stamp(path: Path) -> tuple[int, ...]:
    """Size, time and identity: what changes when a file is written to or replaced."""
    at = path.stat()
    return at.st_size, at.st_mtime_ns, at.st_ino, at.st_dev


def changed(path: Path) -> UsageProblem:
    return UsageProblem(
        f"{clean(path)} changed while it was being uploaded.",
        "Wait until nothing writes to it, then type the same again; what is uploaded already is not sent twice.",
        code="FILE_CHANGED",
    )


def entry(name: str, blob: Blob, mode: int) -> dict[str, Any]:
    """A file of a job in the form of the API."""
    return {"path": name, "sha256": blob.sha256, "size_bytes": blob.size_bytes, "mode": mode}
