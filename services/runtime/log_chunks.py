"""A piece of what a script printed, as the runner published it."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.messages import ChunkHead
from services.runtime.plain import from_json

HEAD_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Chunk:
    """`payload` is what the runner sent: head, newline, raw bytes. `position`: sequence in LOGS (0: not from there);
    `previous`: that of the message before it on its subject, for live chunks."""

    node_id: str
    head: ChunkHead
    payload: bytes
    position: int = 0
    previous: int = 0

    @property
    def content(self) -> bytes:
        return self.payload[self.payload.index(b"\n") + 1 :]


def chunk_of(node_id: str, payload: bytes, position: int = 0, previous: int = 0) -> Chunk | None:
    """The chunk in `payload`, None when it does not read as one (whoever may publish there may publish nonsense)."""
    end = payload.find(b"\n", 0, HEAD_BYTES_MAX)
    if end < 0:
        return None
    try:
        head = from_json(ChunkHead, payload[:end])
    except (ValueError, TypeError, KeyError):
        return None
    return Chunk(node_id, head, payload, position, previous) if head.attempt > 0 and head.chunk > 0 else None
