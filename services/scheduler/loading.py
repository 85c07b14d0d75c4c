"""Brings a board up to now: who is open is asked of the read models, what they are of the log itself.

A history is taken only as far as the board has come, so that the board is the log up to one position and not a mixture
of several; what is newer comes by in its turn.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from domain.errors import DamagedHistory
from services.runtime.log import Recorded, Ref
from services.runtime.service import Context
from services.scheduler.batches import batch_ref
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.watched import Watched

logger = logging.getLogger("rgrid.scheduler")

LOADS_AT_ONCE = 500


class Loading:
    def __init__(self, context: Context, board: Board) -> None:
        self.context, self.board = context, board

    async def start(self) -> int:
        """Fill an empty board; returns from which position on it is the truth: before, nobody may be placed by it."""
        queries, board = self.context.queries, self.board
        board.position = await queries.position()
        board.nodes.update(await queries.nodes_joined())
        batches = [Ref(account, "batch", id) for account, id in await queries.open_batches()]
        async for ref, history in self._histories(batches):
            self._take_batch(ref, history)
        entries: list[Entry] = []
        open_executions = [Ref(account, "execution", id) for account, id in await queries.open_executions()]
        async for _, history in self._histories(open_executions):
            entry = board.read(history or ())
            if entry is not None:
                entries.append(entry)
        for entry in sorted(entries, key=lambda each: each.queued):
            await self._put(entry)
        for ref in batches:
            await self.fill(ref)
        return await self.context.log.last_position()

    async def load(self, ref: Ref) -> None:
        """One aggregate that came back, or of which a commit was missing."""
        async for _, history in self._histories([ref]):
            if ref.aggregate == "batch":
                self._take_batch(ref, history)
                return
            entry = self.board.read(history or ())
            if entry is not None:
                await self._put(entry)

    async def fill(self, ref: Ref) -> None:
        """How the members of a batch ended of which the board did not see it."""
        rows = await self.context.queries.ended_members(ref.account, ref.id)
        is_open = self.board.open.__contains__
        self.board.batches.fill(ref, rows, lambda id: is_open(Ref(ref.account, "execution", id)))

    async def _put(self, entry: Entry) -> None:
        """Its batch comes before it: whether it may start depends on that."""
        group = entry.group
        if group.batch_id and entry.state.open and self.board.batches.of(group) is None:
            await self.load(batch_ref(group))
        self.board.put(entry)

    def _take_batch(self, ref: Ref, history: Sequence[Recorded] | None) -> None:
        if history is None:
            self.board.batches.damage(ref)
            return
        watched = Watched(ref)
        for recorded in history:
            watched.apply(recorded)
        watched.complete = False
        if history:
            self.board.batches.put(watched)

    async def _histories(self, refs: Sequence[Ref]) -> AsyncIterator[tuple[Ref, list[Recorded] | None]]:
        """Each as far as the board has come; None when it cannot be read: that holds up its own aggregate only."""
        for start in range(0, len(refs), LOADS_AT_ONCE):
            page = refs[start : start + LOADS_AT_ONCE]
            for ref, history in zip(page, await self.context.log.load_all(page), strict=True):
                if isinstance(history, DamagedHistory):
                    logger.error("%s is left alone: %s", ref.id, history.message)
                    yield ref, None
                else:
                    yield ref, [each for each in history.commits if each.position <= self.board.position]
