"""Reading blobs: in pieces, in ranges, and never a damaged one to its end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from domain.errors import Invalid
from services.artifacts.frames import FOOTER, FrameReader, footer_size
from services.artifacts.store import BlobDamaged

READ_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: where, how many bytes its content has, how many its zstd frames have (None: stored plainly).

    `renewed_at`: when it was last put or asked for, more or less (seconds since 1970).
    """

    path: Path
    sha256: str
    size_bytes: int
    packed_bytes: int | None = None
    renewed_at: float = 0.0


def plain_blob(path: Path, sha256: str) -> Blob | None:
    """The blob in the plain file `path`, None when there is none."""
    try:
        status = path.stat()
        return Blob(path, sha256, status.st_size, renewed_at=status.st_mtime)
    except FileNotFoundError:
        return None


def packed_blob(path: Path, sha256: str) -> Blob | None:
    """The blob in the zstd file `path`, None when there is none. Raises BlobDamaged when its end is gone."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            packed = status.st_size - FOOTER.size
            size = footer_size(os.pread(file.fileno(), FOOTER.size, max(packed, 0)))
    except FileNotFoundError:
        return None
    if size is None:
        raise _damage(sha256, "the end of its file is missing")
    return Blob(path, sha256, size, packed, status.st_mtime)


def content(blob: Blob, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` to before `stop`. Read as a whole, the last piece comes only when the hash is right."""
    stop = blob.size_bytes if stop is None else stop
    if (start, stop) == (0, blob.size_bytes):
        yield from _verified(blob, ((piece, piece) for piece in _plain(blob, 0)))
        return
    left = stop - start
    for piece in _plain(blob, start):
        if left <= 0:
            return
        yield piece[:left]
        left -= len(piece[:left])
    if left > 0:
        raise _damage(blob.sha256, "its file is too short")


def packed_content(blob: Blob) -> Iterator[bytes]:
    """The zstd frames of a packed blob as they are stored; the last piece comes only when the hash of their content is right."""
    yield from _verified(blob, _unfolded(blob))


def _verified(blob: Blob, pairs: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Of (what to send, its content) what to send, one piece behind what was hashed."""
    digest, held = hashlib.sha256(), b""
    for piece, plain in pairs:
        if held:
            yield held
        digest.update(plain)
        held = piece
    if digest.hexdigest() != blob.sha256:
        raise _damage(blob.sha256, "its content has another SHA-256")
    if held:
        yield held


def _plain(blob: Blob, start: int) -> Iterator[bytes]:
    """Pieces of the content from `start` on."""
    if blob.packed_bytes is None:
        with blob.path.open("rb", buffering=0) as file:
            file.seek(start)
            while piece := file.read(READ_BYTES):
                yield piece
        return
    skip = start
    for _, piece in _unfolded(blob):
        if skip < len(piece):
            yield piece[skip:] if skip else piece
        skip = max(0, skip - len(piece))


def _unfolded(blob: Blob) -> Iterator[tuple[bytes, bytes]]:
    """(zstd bytes, their content) of a packed blob, in pieces of at most 640 KiB."""
    frames = FrameReader()
    with blob.path.open("rb", buffering=0) as file:
        for data in _limited(file, blob.packed_bytes or 0):
            try:
                for packed, plain, _ in frames.feed(data):
                    yield packed, plain
            except Invalid as error:
                raise _damage(blob.sha256, error.message) from error


def _limited(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count > 0 and (piece := file.read(min(READ_BYTES, count))):
        count -= len(piece)
        yield piece


def _damage(sha256: str, why: str) -> BlobDamaged:
    return BlobDamaged(f"The stored blob {sha256} is damaged: {why}.", details={"sha256": sha256})
