"""The log chunks of one execution that LOGS keeps: read in order, and searched by halving."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import orjson

from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.direct import Stored, read_direct
from services.runtime.log_chunks import Chunk, chunk_of
from services.runtime.log_live import LiveExecution

BATCH_BYTES = 4 * 1024**2
BATCH_MIN, BATCH_MAX = 16, 1000


class LogChunks:
    """Reads LOGS; `follow` also hears what comes."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def read(self, node_id: str, account: str, execution: str, start: int = 1) -> AsyncGenerator[Chunk, None]:
        """What this node stored for the execution, all attempts, from sequence `start` to the end at the time.

        Holds at most about BATCH_BYTES. What does not read as a chunk is left out. Raises Unavailable.
        """
        subject = subjects.log(node_id, account, execution)
        batch = BATCH_MIN
        while True:
            found = await read_direct(self.bus, subjects.LOGS, subject, start, batch)
            for stored in found:
                chunk = chunk_of(node_id, stored.data, stored.sequence)
                if chunk is not None:
                    yield chunk
            if not found or (len(found) < batch and not found[-1].pending):
                return
            start = found[-1].sequence + 1
            batch = _next_batch(found)

    async def end(self, node_id: str, account: str, execution: str) -> int:
        """The sequence of the last message of this node for the execution, 0 when there is none."""
        subject = subjects.log(node_id, account, execution)
        wanted = orjson.dumps({"last_by_subj": subject})
        answer = await self.bus.request_message(f"$JS.API.DIRECT.GET.{subjects.LOGS}", wanted)
        return int(answer.headers.get("Nats-Sequence") or 0) if answer.headers else 0

    async def seek(self, node_id: str, account: str, execution: str, attempt: int, number: int) -> int:
        """A sequence from which chunk `number` of the attempt is near, by halving; it may be found before, if published late."""
        subject = subjects.log(node_id, account, execution)
        low, high = 1, await self.end(node_id, account, execution)
        while low < high:
            middle = (low + high) // 2
            found = await read_direct(self.bus, subjects.LOGS, subject, middle, 1)
            chunk = chunk_of(node_id, found[0].data) if found else None
            if chunk is not None and (chunk.head.attempt, chunk.head.chunk) < (attempt, number):
                low = found[0].sequence + 1
            else:
                high = middle
        return low

    async def follow(self, account: str, execution: str, *, chunks: bool = True) -> LiveExecution:
        """Begin to listen to commits (and `chunks`) of the execution; `close` it when done. Raises Unavailable."""
        live = LiveExecution(self.bus)
        try:
            await live.start(account, execution, chunks)
        except BaseException:
            await live.close()
            raise
        return live


def _next_batch(found: list[Stored]) -> int:
    """As many messages as are about BATCH_BYTES, if the next are like the last."""
    average = sum(len(each.data) for each in found) // len(found) + 1
    return max(BATCH_MIN, min(BATCH_MAX, BATCH_BYTES // average))
