"""Brings a board up to now: who is open is asked of the read models, what they are of the log itself.

A history is taken only as far as the board has come, so that the board is the log up to one position and not a mixture
of several; what is newer comes by in its turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from domain.errors import DamagedHistory, HistoryLost
from services.runtime.log import Recorded, Ref
from services.runtime.service import Context
from services.scheduler.batches import batch_ref
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.watched import Watched

logger = logging.getLogger("rgrid.scheduler")

LOADS_AT_ONCE = 32


class Loading:
    def __init__(self, context: Context, board: Board) -> None:
        self.context, self.board = context, board

    async def start(self) -> int:
        """Fill an empty board; returns from which position on it is the truth: before, nobody may be placed by it."""
        queries, board = self.context.queries, self.board
        board.position = await queries.position()
        board.nodes.update(await queries.nodes_joined())
        batches = [Ref(account, "batch", id) for account, id in await queries.open_batches()]
        for ref in batches:
            await self._batch(ref)
        entries = await self._entries([Ref(*each) for each in await self._open()])
        for entry in sorted(entries, key=lambda each: each.queued):
            await self._put(entry)
        for ref in batches:
            await self.fill(ref)
        return await self.context.log.last_position()

    async def load(self, ref: Ref) -> None:
        """One aggregate that came back, or of which a commit was missing."""
        if ref.aggregate == "batch":
            await self._batch(ref)
            return
        history = await self._history(ref)
        entry = self.board.read(history) if history is not None else None
        if entry is not None:
            await self._put(entry)

    async def fill(self, ref: Ref) -> None:
        """How the members of a batch ended of which the board did not see it."""
        rows = await self.context.queries.ended_members(ref.account, ref.id)
        is_open = self.board.open.__contains__
        self.board.batches.fill(ref, rows, lambda id: is_open(Ref(ref.account, "execution", id)))

    async def _open(self) -> list[tuple[str, str, str]]:
        return [(account, "execution", id) for account, id in await self.context.queries.open_executions()]

    async def _entries(self, refs: Sequence[Ref]) -> list[Entry]:
        """All of them, LOADS_AT_ONCE at a time; of each history only the entry is kept."""
        found: list[Entry] = []
        left: Iterator[Ref] = iter(refs)

        async def work() -> None:
            for ref in left:
                history = await self._history(ref)
                entry = self.board.read(history) if history is not None else None
                if entry is not None:
                    found.append(entry)

        await asyncio.gather(*(work() for _ in range(LOADS_AT_ONCE)))
        return found

    async def _put(self, entry: Entry) -> None:
        """Its batch comes before it: whether it may start depends on that."""
        group = entry.group
        if group.batch_id and entry.state.open and self.board.batches.of(group) is None:
            await self._batch(batch_ref(group))
        self.board.put(entry)

    async def _batch(self, ref: Ref) -> None:
        history = await self._history(ref)
        if history is None:
            self.board.batches.damage(ref)
            return
        watched = Watched(ref)
        for recorded in history:
            watched.apply(recorded)
        watched.complete = False
        if history:
            self.board.batches.put(watched)

    async def _history(self, ref: Ref) -> list[Recorded] | None:
        """A history as far as the board has come; None when it cannot be read: that holds up its own aggregate only."""
        try:
            commits = (await self.context.log.load(ref)).commits
        except HistoryLost:
            raise
        except DamagedHistory as error:
            logger.error("%s is left alone: %s", ref.id, error.message)
            return None
        return [each for each in commits if each.position <= self.board.position]
