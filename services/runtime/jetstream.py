"""The event log on JetStream: one message per commit, expected positions checked by the server.

A publish whose answer got lost is repeated. That is safe: either the server stores it now, or it refuses because the
aggregate moved, and then the message behind the expected position says whether it was us who moved it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from domain.errors import DamagedHistory, HistoryLost, Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus, is_final
from services.runtime.codec import Decoded, encode_commit, read_commit
from services.runtime.direct import Stored, read_direct
from services.runtime.follow import follow_stream
from services.runtime.histories import REFS_MAX, load_page, recorded_of
from services.runtime.log import Commit, History, Recorded, Ref, check_batch, whole
from services.runtime.publish import AT_A_STRETCH, publish, publish_all

RETRY_SECONDS_MAX = 10.0
PAUSE_SECONDS_FIRST = 0.05
LOAD_BATCH = 1000
APPENDS_OF_MANY_MAX = 8
"""At the same time, of one process. The server refuses more than 50 of all."""
T = TypeVar("T")


class JetStreamLog:
    """EventLog over stream EVENTS. `retry_seconds_max` bounds how long one call tries before it raises Unavailable;
    `remembered` tells how far the read models have read, which the log must never end before."""

    def __init__(
        self,
        bus: Bus,
        *,
        retry_seconds_max: float = RETRY_SECONDS_MAX,
        remembered: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.bus = bus
        self.retry_seconds_max = retry_seconds_max
        self.decoded = Decoded()
        self._ask_remembered = remembered
        self._remembered = 0
        self._in_doubt = True
        self._many = asyncio.Semaphore(APPENDS_OF_MANY_MAX)
        bus.on_reconnect(self._doubt)

    async def load(self, ref: Ref) -> History:
        """See EventLog."""
        (loaded,) = await self.load_all([ref])
        if isinstance(loaded, DamagedHistory):
            raise loaded
        return loaded

    async def load_all(self, refs: Sequence[Ref]) -> list[History | DamagedHistory]:
        """See EventLog."""
        found: list[History | DamagedHistory] = []
        for start in range(0, len(refs), REFS_MAX):
            page = refs[start : start + REFS_MAX]
            found += await self._retry(lambda page=page: load_page(self.bus, page, self._load))  # type: ignore[misc]
        return found

    async def append(self, commit: Commit, expected: int) -> int:
        """See EventLog."""
        data = encode_commit(commit, expected)
        await self._assure()
        position = await self._retry(lambda: publish(self.bus, commit, expected, data))
        self._remembered = max(self._remembered, position)
        return position

    async def append_all(self, commits: Sequence[tuple[Commit, int]]) -> list[int]:
        """See EventLog."""
        check_batch(commits)
        encoded: list[bytes] = []
        for number, (commit, expected) in enumerate(commits, 1):
            encoded.append(encode_commit(commit, expected))
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        await self._assure()
        async with self._many:
            positions = await self._retry(lambda: publish_all(self.bus, commits, encoded))
        self._remembered = max(self._remembered, *positions)
        return positions

    async def read(
        self, after: int = 0, *, until: int | None = None, batch: int = 1000
    ) -> AsyncIterator[list[Recorded]]:
        """See EventLog. Raises HistoryLost when a position is missing: nothing is ever deleted from the log."""
        last = await self.last_position() if until is None else until
        if after >= last:
            return
        coming = asyncio.create_task(self._page(after, batch))
        try:
            while after < last:
                stored = [each for each in await coming if each.sequence <= last]
                if not stored:
                    raise missing(after + 1, f"nothing follows, though the log ends at {last}")
                # The server looks for the next page while this one is decoded and used.
                coming = asyncio.create_task(self._page(stored[-1].sequence, batch))
                await asyncio.sleep(0)
                recorded = [recorded_of(each) for each in stored]
                check_gapless(after, recorded)
                after = recorded[-1].position
                yield recorded
        finally:
            coming.cancel()

    async def _page(self, after: int, batch: int) -> list[Stored]:
        return await self._retry(lambda: self._stored(subjects.ALL_EVENTS, after + 1, batch))

    async def follow(self, after: int) -> AsyncIterator[list[Recorded]]:
        """See EventLog."""
        async for messages in follow_stream(self.bus, subjects.EVENTS, subjects.ALL_EVENTS, after):
            recorded = [self.decoded.commit(each.subject, each.sequence, each.data) for each in messages]
            check_gapless(after, recorded)
            after = recorded[-1].position
            yield recorded

    async def last_position(self) -> int:
        """See EventLog."""
        info = await self._retry(lambda: self.bus.api(f"STREAM.INFO.{subjects.EVENTS}"))
        return int(info["state"]["last_seq"])

    async def check_not_behind(self, position: int) -> None:
        """Raises HistoryLost when the log ends before `position`, which somebody remembers: writers must halt (F8)."""
        self._remembered = max(self._remembered, position)
        last = await self.last_position()
        if last < position:
            message = f"The log ends at position {last}, but {position} was already read from it: events are lost."
            hint = "Stop the grid and put the newest copy of the log (the folder nats/) back."
            raise HistoryLost(f"{message} {hint}", details={"last": last, "remembered": position})

    def _doubt(self) -> None:
        """A server that was away may have come back with an older copy of the log."""
        self._in_doubt = True

    async def _assure(self) -> None:
        """Before the first append over a connection: the log still holds all that is known of it. Raises HistoryLost."""
        if not self._in_doubt:
            return
        position, in_doubt = self._remembered, False
        if self._ask_remembered is not None:
            try:
                position = max(position, await self._ask_remembered())
            except Unavailable:
                in_doubt = True
        await self.check_not_behind(position)
        self._in_doubt = in_doubt

    async def _load(self, ref: Ref) -> History:
        commits: list[Recorded] = []
        start, wanted = 1, subjects.aggregate(ref)
        while True:
            stored = await self._stored(wanted, start, LOAD_BATCH)
            commits += [read_commit(ref, each.sequence, each.data) for each in stored]
            if len(stored) < LOAD_BATCH and (not stored or not stored[-1].pending):
                return whole(ref, commits)
            start = stored[-1].sequence + 1

    async def _stored(self, wanted: str, start: int, batch: int) -> list[Stored]:
        return await read_direct(self.bus, subjects.EVENTS, wanted, start, batch)

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """`attempt` again while NATS does not answer, with growing pauses, until `retry_seconds_max` have gone."""
        deadline = time.monotonic() + self.retry_seconds_max
        pause = PAUSE_SECONDS_FIRST
        while True:
            try:
                return await attempt()
            except Unavailable as error:
                if is_final(error) or time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)


def check_gapless(after: int, recorded: Sequence[Recorded]) -> None:
    """Raises HistoryLost when `recorded` is not what follows position `after` one by one."""
    for each in recorded:
        if each.position != after + 1:
            raise missing(after + 1, f"{each.position} comes next")
        after = each.position


def missing(position: int, but: str) -> HistoryLost:
    """Nothing is ever deleted from the log, so a hole in it is lost history."""
    return HistoryLost(f"Position {position} of the log is missing; {but}.", details={"position": position})
