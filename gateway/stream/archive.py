"""The archived log of an attempt: a blob of frames, each a chunk as the runner sent it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from services.artifacts.store import ArtifactStore, BlobDamaged
from services.runtime.log_chunks import Chunk, chunk_of
from services.runtime.log_frames import FrameTooLong, take_frames


async def archived(store: ArtifactStore, account: str, sha256: str, node_id: str) -> AsyncGenerator[Chunk, None]:
    """The chunks in order; holds one frame and one piece of the blob. Raises NotFound, BlobDamaged, Unavailable."""
    held = bytearray()
    async for piece in store.open(account, sha256):
        held += piece
        try:
            for frame in take_frames(held):
                chunk = chunk_of(node_id, frame)
                if chunk is None:
                    raise BlobDamaged(f"The archived log {sha256[:12]} has a frame that is no chunk.")
                yield chunk
        except FrameTooLong as error:
            raise BlobDamaged(f"The archived log {sha256[:12]} has {error}.") from error
    if held:
        raise BlobDamaged(f"The archived log {sha256[:12]} ends in the middle of a frame.")
