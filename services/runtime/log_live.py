"""What happens to one execution right now: its log chunks as they come, and word of its commits.

A chunk is republished to its live subject after it was stored, so whoever subscribes first and then reads LOGS misses
nothing; and a live chunk names the one before it on its subject, so whoever missed one knows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import orjson
from nats.aio.subscription import Subscription

from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.client import Message
from services.runtime.log import Ref
from services.runtime.log_chunks import Chunk, chunk_of

QUEUE_BYTES_MAX = 8 * 1024**2


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
