"""Gives every queued execution a node, or a named reason why it waits; and says when a batch is to stop, and when it is over.

It folds the log into a board and places whenever the board changes. Two schedulers side by side do no harm: an
assignment is accepted by the log only for the attempt that is next, and only once; and a batch's `parallel` holds
whatever the two know of each other (docs/decisions/0014).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from domain.batch import events as b
from domain.batch.commands import DelayBatch, FinishBatch, StopBatch
from domain.errors import DamagedHistory, HistoryLost, RgridError
from domain.execution import events as e
from domain.execution.commands import AssignExecution, DelayExecution
from domain.node import events as n
from domain.placement import NodeRoom
from services.runtime.handle import Handled
from services.runtime.log import Ref
from services.runtime.service import Context, Service
from services.scheduler.board import Board
from services.scheduler.concluding import Concluding
from services.scheduler.entry import Entry
from services.scheduler.explaining import EXPLAIN_AFTER_SECONDS, Explaining
from services.scheduler.loading import Loading
from services.scheduler.placing import assignment, choose

logger = logging.getLogger("rgrid.scheduler")

LOOK_AGAIN_SECONDS = 5.0
"""While a node is kept for somebody: it is only for a while."""
FOLDED_AT_ONCE = 200
"""After so many commits others of this process get their turn."""


class Scheduler:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.board = Board(context.now_us)
        self._loading = Loading(context, self.board)
        self._changed = asyncio.Event()
        self._concluding = Concluding(context, self.board, self._loading, self._tell, self._changed.set)
        self._true_from = 0

    async def run(self) -> None:
        """Fold and place until cancelled."""
        await self.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fold())
                group.create_task(self._place(group))
                group.create_task(self._explain())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def start(self) -> None:
        """Bring the board up to now."""
        self._true_from = await self._loading.start()

    async def _fold(self) -> None:
        async for batch in self.context.log.follow(self.board.position):
            was_behind = self.board.position < self._true_from
            for number, recorded in enumerate(batch, 1):
                if not self.board.apply(recorded):
                    await self._loading.load(recorded.commit.ref)
                if number % FOLDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            has_caught_up = was_behind and self.board.position >= self._true_from
            if self.board.stirred or self.board.batches.touched or has_caught_up:
                self._changed.set()

    async def _place(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            due_seconds = None
            if self.board.position >= self._true_from:
                due_seconds = self.place_all(group)
                self._concluding.look(group)
            try:
                await asyncio.wait_for(self._changed.wait(), due_seconds)
            except TimeoutError:
                pass

    def place_all(self, group: asyncio.TaskGroup) -> float | None:
        """Place whoever fits; returns the seconds until somebody may be who may not be now (None: nobody waits for the clock)."""
        self.board.stirred = False
        due_seconds = self.board.lines.wake()
        for entry, room in choose(self.board):
            self.board.reserve(entry.ref, room.node_id)
            group.create_task(self._assign(entry, room))
        if self.board.kept:
            due_seconds = min(due_seconds or LOOK_AGAIN_SECONDS, LOOK_AGAIN_SECONDS)
        return None if due_seconds is None else max(0.001, due_seconds)

    async def _assign(self, entry: Entry, room: NodeRoom) -> None:
        # It is due by our own clock; a wall clock that jumped back has no say in it.
        now_us = max(self.context.now_us(), entry.state.not_before_us)
        command = assignment(entry, room, now_us)
        handled = await self._tell(entry.ref, command)
        if handled is None:
            self.board.release(entry.ref)
        else:
            self.board.settle(entry.ref, handled.position)
        if self.board.stirred:
            self._changed.set()

    async def _explain(self) -> None:
        explaining = Explaining(self.board)
        while True:
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
            if self.board.position < self._true_from:
                continue
            for ref, reason in explaining.news():
                await self._tell(ref, DelayBatch(reason) if ref.aggregate == "batch" else DelayExecution(reason))

    async def _tell(self, ref: Ref, command: Any) -> Handled | None:
        """What goes wrong with one aggregate holds up no other; one that cannot be decided about leaves the board.

        None when it went wrong; the board hears of what it came to from the log, like everybody.
        """
        name = type(command).__name__
        try:
            return await self.context.handle(ref, command)
        except HistoryLost:
            raise
        except DamagedHistory as error:
            logger.error("%s of %s: %s", name, ref.id, error)
            self.board.drop(ref)
        except RgridError as error:
            logger.warning("%s of %s: %s", name, ref.id, error)
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
        except Exception:
            logger.exception("%s of %s failed", name, ref.id)
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
        return None


SERVICE = Service(
    name="scheduler",
    consumes=(),
    follows=(
        e.ExecutionSubmitted,
        e.ExecutionCached,
        e.ExecutionDelayed,
        e.ExecutionAssigned,
        e.ExecutionStarted,
        e.ExecutionAttemptFailed,
        e.ExecutionCancelRequested,
        e.ExecutionFinished,
        e.ExecutionRetried,
        b.BatchSubmitted,
        b.BatchExpanded,
        b.BatchDelayed,
        b.BatchStopped,
        b.BatchCancelRequested,
        b.BatchRetried,
        b.BatchFinished,
        n.NodeJoined,
        n.NodeLost,
        n.NodeLeft,
    ),
    sends=(AssignExecution, DelayExecution, DelayBatch, StopBatch, FinishBatch),
    start=lambda context: Scheduler(context).run(),
)
