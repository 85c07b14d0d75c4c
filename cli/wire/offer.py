"""What the grid still lacks of some files, and where it wants them: each alone, or small ones many at a time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .blob import Blob, changed
from .transport import Api

HEAD = struct.Struct(">32sQ")
"""Before each blob of a bundle: its SHA-256 and its length."""


@dataclass(frozen=True, slots=True)
class Offer:
    """`alone`: a signed URL by hash. `bundled`: hashes of small ones, which go to the one URL `bundle`."""

    alone: dict[str, str]
    bundled: frozenset[str] = frozenset()
    bundle: str = ""
    bytes_max: int = 0

    @property
    def missing(self) -> set[str]:
        return self.alone.keys() | self.bundled


def ask(api: Api, blobs: list[Blob], *, bundle: bool = True) -> Offer:
    """Which of `blobs` (at most 1,000) the grid lacks. Raises CliError."""
    wanted = [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in blobs]
    found = api.post("/blobs", {"blobs": wanted, "bundle": bundle})
    many = found.get("bundle") or {}
    return Offer(
        dict(found["missing"]), frozenset(many.get("blobs", ())), many.get("url", ""), many.get("bytes_max", 0)
    )


def bundles(blobs: list[Blob], bytes_max: int) -> Iterator[list[Blob]]:
    """`blobs`, cut into lists that each fit into a request."""
    held: list[Blob] = []
    room = bytes_max
    for blob in blobs:
        size = HEAD.size + blob.size_bytes
        if held and size > room:
            yield held
            held, room = [], bytes_max
        held.append(blob)
        room -= size
    if held:
        yield held


def bundle_body(blobs: list[Blob]) -> bytes:
    """`blobs` as one body; raises UsageProblem when a file changed."""
    parts = []
    for blob in blobs:
        content = blob.piece(0, blob.size_bytes + 1)
        if len(content) != blob.size_bytes and blob.path:
            raise changed(blob.path)
        parts += [HEAD.pack(bytes.fromhex(blob.sha256), len(content)), content]
    return b"".join(parts)
