"""Zstandard frames in bounded memory: a few compressed bytes may unfold to gigabytes, so they are fed block by block.

The layout of frames and blocks is that of RFC 8878, sections 3.1.1 and 3.1.1.2; a block unfolds to at most 128 KiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import zstandard

from domain.errors import Invalid

MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_BYTES_MAX = 128 * 1024
BLOCKS_AT_ONCE = 4
WINDOW_BYTES_MAX = 8 * 1024 * 1024
FOOTER = struct.Struct("<IIQ")
FOOTER_MAGIC = 0x184D2A5E
"""A skippable frame behind the content of a packed blob; it holds the size of the content."""


class FrameReader:
    """Unfolds a sequence of whole frames that arrives in pieces of any size."""

    def __init__(self) -> None:
        self._decoder: zstandard.ZstdDecompressionObj | None = None
        self._held = b""
        self._pass = 0
        self._state = "header"
        self._checksum = 0

    @property
    def between_frames(self) -> bool:
        """All frames so far are complete."""
        return self._state == "header" and not self._held

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
        """(compressed bytes, their content, a frame ends here), the content at most 640 KiB; raises Invalid."""
        data = self._held + data if self._held else data
        start = at = blocks = 0
        while True:
            taken = min(self._pass, len(data) - at)
            at += taken
            self._pass -= taken
            if self._pass:
                break
            if self._state == "closed":
                yield self._unfold(data[start:at], last=True)
                start, blocks, self._state = at, 0, "header"
            elif blocks == BLOCKS_AT_ONCE:
                yield self._unfold(data[start:at], last=False)
                start, blocks = at, 0
            length = self._parse(data, at)
            if not length:
                break
            at += length
            blocks += 1
        self._held = data[at:]
        if at > start:
            yield self._unfold(data[start:at], last=False)

    def _parse(self, data: bytes, at: int) -> int:
        """Length of the header at `at`, 0 when more bytes are needed; notes what follows it."""
        if self._state == "header":
            if at + 5 > len(data):
                return 0
            if data[at : at + 4] != MAGIC:
                raise _damaged("what was sent is not a sequence of zstd frames")
            self._checksum = 4 if data[at + 4] & 4 else 0
            length = _header_length(data[at + 4])
            if at + length > len(data):
                return 0
            self._state = "block"
            return length
        if at + 3 > len(data):
            return 0
        head = int.from_bytes(data[at : at + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == 3 or size > BLOCK_BYTES_MAX:
            raise _damaged("a zstd block is damaged")
        self._pass = (1 if kind == 1 else size) + (self._checksum if last else 0)
        self._state = "closed" if last else "block"
        return 3

    def _unfold(self, packed: bytes, last: bool) -> tuple[bytes, bytes, bool]:
        decoder = self._decoder or zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).decompressobj()
        try:
            content = decoder.decompress(packed)
        except zstandard.ZstdError as error:
            raise _damaged(str(error)) from error
        if decoder.eof != last:
            raise _damaged("a zstd frame does not end where it should")
        self._decoder = None if last else decoder
        return packed, content, last


def _header_length(descriptor: int) -> int:
    """Bytes of a frame header with its magic number, from the descriptor byte."""
    single_segment = descriptor >> 5 & 1
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    return 5 + (1 - single_segment) + dictionary + content_size


def _damaged(why: str) -> Invalid:
    return Invalid(f"The compressed content cannot be read: {why}.", code="ENCODING_DAMAGED")


def footer(size_bytes: int) -> bytes:
    """What stands behind the frames of a packed blob."""
    return FOOTER.pack(FOOTER_MAGIC, 8, size_bytes)


def footer_size(footer_bytes: bytes) -> int | None:
    """The size of the content, out of the last bytes of a packed blob; None when they are no footer."""
    if len(footer_bytes) != FOOTER.size:
        return None
    magic, length, size_bytes = FOOTER.unpack(footer_bytes)
    return int(size_bytes) if (magic, length) == (FOOTER_MAGIC, 8) else None
