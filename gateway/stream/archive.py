"""The archived log of an attempt: a blob of frames, each its length and a chunk as the runner sent it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from services.artifacts.store import ArtifactStore, BlobDamaged
from services.runtime.log_chunks import FRAME_LENGTH, Chunk, chunk_of

FRAME_BYTES_MAX = 8 * 1024**2


async def archived(store: ArtifactStore, account: str, sha256: str, node_id: str) -> AsyncGenerator[Chunk, None]:
    """The chunks in order; holds one frame and one piece of the blob. Raises NotFound, BlobDamaged, Unavailable."""
    held = bytearray()
    async for piece in store.open(account, sha256):
        held += piece
        at = 0
        while len(held) - at >= FRAME_LENGTH.size:
            (length,) = FRAME_LENGTH.unpack_from(held, at)
            if length > FRAME_BYTES_MAX:
                raise BlobDamaged(f"The archived log {sha256[:12]} has a frame of {length} bytes.")
            begin = at + FRAME_LENGTH.size
            if len(held) - begin < length:
                break
            chunk = chunk_of(node_id, bytes(held[begin : begin + length]))
            if chunk is None:
                raise BlobDamaged(f"The archived log {sha256[:12]} has a frame that is no chunk.")
            yield chunk
            at = begin + length
        del held[:at]
