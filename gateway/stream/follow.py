"""The log stream of one execution as a sequence of frames: text frames are dicts, log chunks are bytes.

Live is subscribed to first, then what is stored is read; AttemptLog joins both. What happens to the execution is read
from its own log, woken by the commits one hears of. Any server may go away in the middle: it goes on from the cursor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from domain.errors import Unavailable
from gateway.stream.attempt_log import AttemptLog, Gap, Piece, Sources
from gateway.stream.lent import lent
from gateway.stream.story import Attempt, Story
from gateway.stream.tail import tail_start, without_lines
from services.runtime.log import EventLog
from services.runtime.log_live import LiveExecution

CHECK_SECONDS = 5.0
"""So often the log is looked at though nothing was heard: a hint may get lost with its server."""
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
EVERYTHING: dict[str, set[str]] = {"execution": set(), "cost": set()}
Frame = dict[str, Any] | bytes

log = logging.getLogger("rgrid.gateway")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The resume cursor (`attempt`, `after_chunk`): what the reader has; `stream` filters, `tail` begins near the end."""

    attempt: int = 1
    after_chunk: int = 0
    stream: str | None = None
    tail: int | None = None


async def frames(sources: Sources, events: EventLog, wanted: Wanted) -> AsyncGenerator[Frame, None]:
    """All frames, from the cursor to `end`. Raises NotFound; Unavailable only before the first frame."""
    live = await sources.chunks.follow(sources.account, sources.execution)
    try:
        story = Story(events, sources.account, sources.execution)
        first = await story.begin()
        following = _Following(sources, events, live, story, wanted)
        await following.locate()
        yield {"type": "hello", "execution": sources.execution, "attempt": following.number, "schema_version": 1}
        yield first
        async with aclosing(following.frames()) as rest:
            async for frame in rest:
                yield frame
    finally:
        await live.close()


class _Following:
    """One reader's way through the attempts."""

    def __init__(self, sources: Sources, events: EventLog, live: LiveExecution, story: Story, wanted: Wanted) -> None:
        self.number = wanted.attempt
        self._after = wanted.after_chunk
        self._skip_lines = 0
        self._sources = sources
        self._events = events
        self._live = live
        self._story = story
        self._wanted = wanted
        self._log: AttemptLog | None = None
        self._failures = 0

    async def locate(self) -> None:
        """Begin `tail` lines before the end of the last attempt, if that was wanted."""
        self._sources = await lent(self._sources, self._events, self._story)
        if self._wanted.tail is None or not self._story.attempts:
            return
        attempt = self._story.attempts[max(self._story.attempts)]
        start = await tail_start(self._sources, attempt, self._wanted.tail, self._wanted.stream)
        self.number, self._after, self._skip_lines = attempt.number, start.after, start.skip_lines

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Until the end; waits for whatever is away."""
        while True:
            try:
                async for frame in self._round():
                    yield frame
                self._failures = 0
                if self._ended():
                    yield self._story.end()
                    return
                await self._rest()
            except Unavailable as error:
                await self._retry(error)

    async def _round(self) -> AsyncGenerator[Frame, None]:
        """What there is to say now."""
        heard, self._live.heard = self._live.heard, {}
        for frame in await self._story.news(heard):
            yield frame
        self._sources = await lent(self._sources, self._events, self._story)
        while (attempt := self._story.attempts.get(self.number)) is not None:
            if self._log is None:
                self._log = AttemptLog(self._sources, self._after)
                yield {"type": "attempt", "attempt": attempt.number, "node_id": attempt.node_id}
            async for piece in self._pieces(attempt, self._log):
                frame_or_none = self._frame(piece)
                if frame_or_none is not None:
                    yield frame_or_none
            if not self._log.done:
                return
            self.number, self._after, self._skip_lines, self._log = self.number + 1, 0, 0, None

    async def _pieces(self, attempt: Attempt, attempt_log: AttemptLog) -> AsyncGenerator[Piece, None]:
        if self._live.missed:
            self._live.drop()
            attempt_log.behind = True
        while not attempt_log.behind and (chunk := self._live.take()) is not None:
            for piece in attempt_log.offer(attempt, chunk):
                yield piece
        if attempt_log.behind or attempt.closed:
            async with aclosing(attempt_log.catch_up(attempt)) as pieces:
                async for piece in pieces:
                    yield piece

    def _frame(self, piece: Piece) -> Frame | None:
        if isinstance(piece, Gap):
            self._skip_lines = 0
            return {
                "type": "gap",
                "attempt": self.number,
                "from_chunk": piece.first,
                "to_chunk": piece.last,
                "why": piece.why,
            }
        if self._wanted.stream not in (None, piece.head.stream):
            return None
        payload, skip, self._skip_lines = piece.payload, self._skip_lines, 0
        return without_lines(piece, skip) if skip else payload

    def _ended(self) -> bool:
        return self._story.finished is not None and self.number not in self._story.attempts

    async def _rest(self) -> None:
        live = self._live
        if live.heard or (self._log is not None and (live.chunks or live.missed)):
            return
        loop = asyncio.get_running_loop()
        before = loop.time()
        await live.wait(CHECK_SECONDS)
        if loop.time() - before >= CHECK_SECONDS:
            self._look_everywhere()

    async def _retry(self, error: Unavailable) -> None:
        """A server is away: begin again from the cursor when it is back."""
        log.info("log stream of %s waits: %s", self._sources.execution, error.message)
        await asyncio.sleep(RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)])
        self._failures += 1
        self._look_everywhere()

    def _look_everywhere(self) -> None:
        for aggregate in EVERYTHING:
            self._live.heard.setdefault(aggregate, set())
        if self._log is not None:
            self._log.behind = True
