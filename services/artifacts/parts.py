"""An upload on its way: a part file that only grows, hashed as it grows, and worth nothing until its SHA-256 is right."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import zstandard

from domain.errors import Invalid
from services.artifacts.frames import FrameReader, footer

SCAN_BYTES = 256 * 1024
PACKED_SUFFIX = ".zst"


class Part:
    """A part file and how far it got. All methods block, so they are called in threads, one at a time.

    A packed part holds zstd frames as they came. What counts is whole frames only: after an interruption `offset` falls
    back to the end of the last one. `offset` counts bytes of content, `stored` bytes of the file.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.packed = path.suffix == PACKED_SUFFIX
        self.offset = self.stored = 0
        self._digest = hashlib.sha256()
        self._frames = FrameReader()
        self._whole = (0, 0, self._digest.copy())
        self._file: BinaryIO | None = None

    @property
    def whole(self) -> bool:
        """All of its content came."""
        return self.offset == self.size_bytes and self._frames.between_frames

    @property
    def offset_kept(self) -> int:
        """How much would be kept if it were interrupted now."""
        return self._whole[0]

    def usable(self, packed: bool | None) -> bool:
        """The file is as this part remembers it, and can take `packed` data (None: any)."""
        stored = self.path.stat().st_size if self.path.exists() else 0
        return stored == self.stored and (self.offset > 0 or packed in (None, self.packed))

    def write(self, data: bytes, zstd: bool) -> None:
        """Append `data` (zstd frames or plain content). Raises Invalid for more than `size_bytes`, OSError for a full disk."""
        for stored, content, whole in self._frames.feed(data) if zstd else ((data, data, True),):
            self._count(content)
            if self.packed and not zstd:
                stored = zstandard.ZstdCompressor(level=1).compress(content)
            self._append(stored if self.packed else content)
            self._mark(whole or not self.packed)

    def recall(self, data: bytes) -> None:
        """Count in `data` that the file holds already. Raises Invalid."""
        for stored, content, whole in self._frames.feed(data) if self.packed else ((data, data, True),):
            self._count(content)
            self.stored += len(stored)
            self._mark(whole)

    def close(self) -> None:
        """Close the file and cut it back to what counts; the part can be written to again."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.offset, self.stored, digest = self._whole
        self._digest = digest.copy()
        self._frames = FrameReader()
        if self.path.exists() and self.path.stat().st_size != self.stored:
            os.truncate(self.path, self.stored)

    def seal(self, sha256: str) -> None:
        """Check that it is complete and is what it is said to be, and put it on the disk. Raises Invalid."""
        if not self._frames.between_frames:
            raise Invalid("The last zstd frame is cut off.", code="ENCODING_DAMAGED")
        if self.offset != self.size_bytes:
            message = f"{self.offset} of {self.size_bytes} bytes came."
            raise Invalid(message, code="SIZE_MISMATCH", details={"got": self.offset, "expected": self.size_bytes})
        if self._digest.hexdigest() != sha256:
            details = {"got": self._digest.hexdigest(), "expected": sha256}
            raise Invalid(
                "What came is not what was announced: its SHA-256 is another.", code="HASH_MISMATCH", details=details
            )
        if self.packed:
            self._append(footer(self.size_bytes))
        file = self._opened()
        os.fsync(file.fileno())
        file.close()
        self._file = None

    def drop(self) -> None:
        """Close and remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)

    def _count(self, content: bytes) -> None:
        if self.offset + len(content) > self.size_bytes:
            details = {"expected": self.size_bytes}
            raise Invalid(
                f"More came than the announced {self.size_bytes} bytes.", code="BLOB_TOO_LARGE", details=details
            )
        self._digest.update(content)
        self.offset += len(content)

    def _append(self, data: bytes) -> None:
        view, file = memoryview(data), self._opened()
        while view:
            view = view[file.write(view) :]
        self.stored += len(data)

    def _mark(self, whole: bool) -> None:
        if whole:
            self._whole = (self.offset, self.stored, self._digest.copy())

    def _opened(self) -> BinaryIO:
        """The file, opened for appending at `stored`; created when it is not there."""
        if self._file is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(handle, "r+b", buffering=0)
            self._file.truncate(self.stored)
            self._file.seek(self.stored)
        return self._file


def resumed(path: Path, size_bytes: int) -> Part:
    """The part in the file `path`, ready to go on behind what of it reads as whole."""
    part = Part(path, size_bytes)
    with path.open("rb") as file, suppress(Invalid):
        while piece := file.read(SCAN_BYTES):
            part.recall(piece)
    part.close()
    return part
