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
class Parts:
    """A large blob that goes in parts: URLs of the next ones by number, what came before, where to say it is all there."""

    part_bytes: int
    urls: dict[str, str]
    stored_bytes: int
    finish: str


@dataclass(frozen=True, slots=True)
class Offer:
    """`alone`: a signed URL by hash. `bundled`: hashes of small ones, which go to the one URL `bundle`. `parts` by hash."""

    alone: dict[str, str]
    bundled: frozenset[str]
    bundle: str
    bytes_max: int
    parts: dict[str, Parts]

    @property
    def missing(self) -> set[str]:
        return self.alone.keys() | self.bundled | self.parts.keys()


def ask(api: Api, blobs: list[Blob], *, bundle: bool = True) -> Offer:
    """Which of `blobs` (at most 1,000) the grid lacks. Raises CliError; a grid that goes away is not waited for."""
    wanted = [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in blobs]
    body = {"blobs": wanted, "bundle": bundle, "parts": True}
    found = api.call("POST", "/blobs", body, patient=not api.expected).json()
    many = found.get("bundle") or {}
    parts = {sha256: Parts(**given) for sha256, given in (found.get("parts") or {}).items()}
    small = frozenset(many.get("blobs", ()))
    return Offer(dict(found["missing"]), small, many.get("url", ""), many.get("bytes_max", 0), parts)


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
