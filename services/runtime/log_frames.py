"""The frame around each chunk in a spool, and so in the log archive that it becomes: its length (4 bytes, little-endian),
then the chunk exactly as it was published. Runners write it, the gateway reads it: both with what stands here."""

from __future__ import annotations

import struct
from collections.abc import Iterator

LENGTH = struct.Struct("<I")
FRAME_BYTES_MAX = 8 * 1024**2


class FrameTooLong(ValueError):
    """A length that no runner ever writes: these bytes are no log archive."""


def framed(chunk: bytes) -> bytes:
    """`chunk` in its frame."""
    return LENGTH.pack(len(chunk)) + chunk


def take_frames(held: bytearray) -> Iterator[bytes]:
    """The whole chunks at the front of `held`, which is left with what is incomplete; raises FrameTooLong."""
    at = 0
    try:
        while len(held) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(held, at)
            if length > FRAME_BYTES_MAX:
                raise FrameTooLong(f"a frame of {length} bytes")
            begin = at + LENGTH.size
            if len(held) - begin < length:
                return
            at = begin + length
            yield bytes(held[begin:at])
    finally:
        del held[:at]
