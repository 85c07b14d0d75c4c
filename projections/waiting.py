"""Read your writes: waits until the read models have reached a position, told by NOTIFY, else by looking now and then."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from typing import Any

from domain.errors import Unavailable
from projections.database import BACKOFF_SECONDS_FIRST, BACKOFF_SECONDS_MAX, Database
from projections.store import CHANNEL

LOOK_SECONDS = 1.0
"""A notification can be lost with its connection; so often the position is read all the same."""
POSITION_SQL = "SELECT position FROM live.positions"


class Positions:
    """The stored position, watched on one connection that is opened at the first wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = 0
        self._waiters: list[tuple[int, int, asyncio.Future[int]]] = []
        self._order = itertools.count()
        self._watch: asyncio.Task[None] | None = None

    async def wait_for(self, position: int, timeout_seconds: float) -> int:
        """The stored position once it is at least `position`; raises Unavailable when that takes too long."""
        if position <= self._position:
            return self._position
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_for_ever(), name="projection-positions")
        reached: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (position, next(self._order), reached))
        try:
            return await asyncio.wait_for(reached, timeout_seconds)
        except TimeoutError:
            raise Unavailable(
                f"The projections have not reached position {position} yet (they are at {self._position}). Try again soon.",
                code="PROJECTIONS_BEHIND",
                details={"min_seq": position, "position": self._position},
            ) from None

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch

    async def _watch_for_ever(self) -> None:
        pause = BACKOFF_SECONDS_FIRST
        while True:
            try:
                await self._listen()
                pause = BACKOFF_SECONDS_FIRST
            except Unavailable:
                self._position = 0
                await asyncio.sleep(pause)
                pause = min(pause * 2, BACKOFF_SECONDS_MAX)

    async def _listen(self) -> None:
        """Until the connection breaks."""
        connection = await self._database.connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._notified)
            while not lost.is_set():
                self._reached(await self._stored())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), LOOK_SECONDS)
        finally:
            connection.terminate()

    async def _stored(self) -> int:
        row = await self._database.fetch_one(POSITION_SQL)
        return row[0] if row else 0

    def _notified(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._reached(int(str(payload)))

    def _reached(self, position: int) -> None:
        """May go back, when Postgres came up from an older backup: then waiting starts to mean something again."""
        self._position = position
        while self._waiters and (self._waiters[0][0] <= position or self._waiters[0][2].done()):
            reached = heapq.heappop(self._waiters)[2]
            if not reached.done():
                reached.set_result(position)
