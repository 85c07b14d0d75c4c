"""The form of a bundle: many small blobs in one body, each behind a head of its SHA-256 (32 bytes) and length (8, big-endian)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence

from domain.errors import Invalid
from services.runtime.messages import BlobRef

HEAD = struct.Struct(">32sQ")
BLOB_BYTES_MAX = 256 * 1024
"""What is larger goes alone: it gains little from company."""
BLOBS_MIN = 3
BYTES_MAX, BLOBS_MAX = 8 * 1024**2, 1000
"""Of a bundle."""


def head(sha256: str, size_bytes: int) -> bytes:
    """What stands before the content of a blob."""
    return HEAD.pack(bytes.fromhex(sha256), size_bytes)


def worthwhile(blobs: Sequence[BlobRef]) -> dict[str, BlobRef]:
    """Those of `blobs`, by hash, that had better travel in bundles; none when they are too few to gain by it."""
    small = {blob.sha256: blob for blob in blobs if blob.size_bytes <= BLOB_BYTES_MAX}
    return small if len(small) >= BLOBS_MIN else {}


def bundles_of(blobs: Sequence[BlobRef]) -> Iterator[list[BlobRef]]:
    """`blobs` in their order, cut into lists that each fit into a bundle."""
    held: list[BlobRef] = []
    room = BYTES_MAX
    for blob in blobs:
        size = HEAD.size + blob.size_bytes
        if held and (size > room or len(held) == BLOBS_MAX):
            yield held
            held, room = [], BYTES_MAX
        held.append(blob)
        room -= size
    if held:
        yield held


class Unbundler:
    """Cuts a bundle that arrives in pieces of any size into its blobs, holding one of them at most."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._count = 0

    @property
    def between_blobs(self) -> bool:
        return not self._held

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """(SHA-256 as announced and found, content). Raises Invalid: HASH_MISMATCH, BLOB_TOO_LARGE, TOO_MANY."""
        self._held += data
        at = 0
        while len(self._held) - at >= HEAD.size:
            digest, length = HEAD.unpack_from(self._held, at)
            if length > BLOB_BYTES_MAX:
                message = f"A blob in a bundle has at most {BLOB_BYTES_MAX} bytes."
                raise Invalid(message, code="BLOB_TOO_LARGE", details={"sha256": digest.hex(), "got": length})
            end = at + HEAD.size + length
            if len(self._held) < end:
                break
            self._count += 1
            if self._count > BLOBS_MAX:
                raise Invalid(f"A bundle has at most {BLOBS_MAX} blobs.", code="TOO_MANY")
            content = bytes(self._held[at + HEAD.size : end])
            at = end
            yield checked(digest.hex(), content), content
        del self._held[:at]


def checked(sha256: str, content: bytes) -> str:
    """`sha256` if that is what `content` has; raises Invalid (HASH_MISMATCH)."""
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        message = "What came is not what was announced: its SHA-256 is another."
        raise Invalid(message, code="HASH_MISMATCH", details={"got": got, "expected": sha256})
    return sha256
