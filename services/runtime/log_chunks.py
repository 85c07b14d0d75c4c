"""Log chunks of one execution: those kept in LOGS, and those that come right now.

A chunk is republished to its live subject after it was stored, so whoever subscribes first and then reads LOGS misses
nothing; and a live chunk names the one before it on its subject, so whoever missed one knows.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import orjson
from nats.aio.subscription import Subscription

from services.runtime import subjects
from services.runtime.client import Message
from services.runtime.connection import Bus
from services.runtime.direct import Stored, read_direct
from services.runtime.log import Ref
from services.runtime.messages import ChunkHead
from services.runtime.plain import from_json

QUEUE_BYTES_MAX = 8 * 1024**2
BATCH_BYTES = 4 * 1024**2
BATCH_MIN, BATCH_MAX = 16, 1000
HEAD_BYTES_MAX = 4096
FRAME_LENGTH = struct.Struct("<I")
"""Before each chunk in a spool, and in the archive that it becomes."""


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


class LogChunks:
    """Reads LOGS, and follows what comes."""

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


class LiveExecution:
    """What comes right now. `chunks` is bounded: when a reader is too slow they are dropped and `missed` says so.

    `heard` holds ids of commits that somebody tries to append, by aggregate: a hint to look into the log.
    """

    def __init__(self, bus: Bus) -> None:
        self.chunks: deque[Chunk] = deque()
        self.missed = False
        self.heard: dict[str, set[str]] = {}
        self._bytes = 0
        self._bus = bus
        self._bell = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._unhook: Callable[[], None] = lambda: None

    async def start(self, account: str, execution: str, chunks: bool) -> None:
        self._unhook = self._bus.on_reconnect(self._reconnected)
        if chunks:
            self._subscriptions.append(await self._bus.listen(subjects.live(account, execution), self._on_chunk))
        for name in ("execution", "cost"):
            subject = subjects.aggregate(Ref(account, name, execution))
            self._subscriptions.append(await self._bus.listen(subject, self._on_commit))

    def take(self) -> Chunk | None:
        """The next chunk that came, if any."""
        if not self.chunks:
            return None
        chunk = self.chunks.popleft()
        self._bytes -= len(chunk.payload)
        return chunk

    def drop(self) -> None:
        """Forget the chunks that wait: they are all in LOGS."""
        self.chunks.clear()
        self._bytes = 0
        self.missed = False

    async def wait(self, timeout: float) -> None:
        """Until something came, or `timeout` seconds."""
        try:
            await asyncio.wait_for(self._bell.wait(), timeout)
        except TimeoutError:
            pass
        self._bell.clear()

    async def close(self) -> None:
        self._unhook()
        for subscription in self._subscriptions:
            await self._bus.unsubscribe(subscription)
        self._subscriptions.clear()

    def _on_chunk(self, message: Message) -> None:
        headers = message.headers
        if headers is None:
            return
        position, previous = int(headers.get("Nats-Sequence") or 0), int(headers.get("Nats-Last-Sequence") or 0)
        chunk = chunk_of(subjects.node_of(message.subject), message.data, position, previous)
        if chunk is None or not position:
            return
        if self._bytes + len(chunk.payload) > QUEUE_BYTES_MAX:
            self.drop()
            self.missed = True
        elif not self.missed:
            self.chunks.append(chunk)
            self._bytes += len(chunk.payload)
        self._bell.set()

    def _on_commit(self, message: Message) -> None:
        _, _, _, aggregate, _, _ = message.subject.split(".")
        try:
            command_id = str(orjson.loads(message.data)["id"])
        except (ValueError, KeyError, TypeError):
            return
        self.heard.setdefault(aggregate, set()).add(command_id)
        self._bell.set()

    def _reconnected(self) -> None:
        self.missed = True
        self.heard.setdefault("execution", set())
        self.heard.setdefault("cost", set())
        self._bell.set()


def _next_batch(found: list[Stored]) -> int:
    """As many messages as are about BATCH_BYTES, if the next are like the last."""
    average = sum(len(each.data) for each in found) // len(found) + 1
    return max(BATCH_MIN, min(BATCH_MAX, BATCH_BYTES // average))
