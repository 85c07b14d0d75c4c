"""Gives every queued execution a node, or a named reason why it waits.

It folds the log into a board and places whenever the board changes. Two schedulers side by side do no harm: an
assignment is accepted by the log only for the attempt that is next, and only once.
"""

from __future__ import annotations

import asyncio
import logging

from domain.errors import DamagedHistory, HistoryLost, RgridError
from domain.execution import events as e
from domain.execution.commands import AssignExecution, DelayExecution
from domain.node import events as n
from domain.placement import NodeRoom
from services.runtime.log import Ref
from services.runtime.service import Context, Service
from services.scheduler.board import Board, Entry
from services.scheduler.explaining import EXPLAIN_AFTER_SECONDS, Explaining
from services.scheduler.placing import choose

logger = logging.getLogger("rgrid.scheduler")

LOADS_AT_ONCE = 32


class Scheduler:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.board = Board(context.now_us)
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Fold and place until cancelled."""
        position = await self.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fold(position))
                group.create_task(self._place(group))
                group.create_task(self._explain())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def start(self) -> int:
        """Bring the board up to now: who is open is asked of the projection, what they are of the log itself."""
        position = await self.context.queries.position()
        for node_id, joined in (await self.context.queries.nodes_joined()).items():
            self.board.nodes[node_id] = joined
        refs = [Ref(account, "execution", id) for account, id in await self.context.queries.open_executions()]
        for i in range(0, len(refs), LOADS_AT_ONCE):
            await asyncio.gather(*(self._load(ref) for ref in refs[i : i + LOADS_AT_ONCE]))
        return position

    async def _load(self, ref: Ref) -> None:
        """A history that cannot be read holds up its own execution only."""
        try:
            state, position = await self.context.load(ref)
        except HistoryLost:
            raise
        except DamagedHistory as error:
            logger.error("%s is not placed: %s", ref.id, error.message)
            return
        self.board.put(ref, state, position)

    async def _fold(self, position: int) -> None:
        async for batch in self.context.log.follow(position):
            for recorded in batch:
                missing = self.board.apply(recorded)
                if missing is not None:
                    await self._load(missing)
            self._changed.set()

    async def _place(self, group: asyncio.TaskGroup) -> None:
        while True:
            due_seconds = self.place_all(group)
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), due_seconds)
            except TimeoutError:
                pass

    def place_all(self, group: asyncio.TaskGroup) -> float | None:
        """Place whoever fits; returns the seconds until the next attempt comes due (None: nobody waits for the clock)."""
        due_seconds = self.board.wake()
        for entry, room in choose(self.board):
            self.board.reserve(entry.ref, room.node_id)
            group.create_task(self._assign(entry, room))
        return None if due_seconds is None else max(0.001, due_seconds)

    async def _assign(self, entry: Entry, room: NodeRoom) -> None:
        # It is due by our own clock; a wall clock that jumped back has no say in it.
        now_us = max(self.context.now_us(), entry.state.not_before_us)
        command = AssignExecution(entry.state.attempt + 1, room.node_id, room.incarnation, room.node_type, now_us)
        try:
            await self._tell(entry, command)
        finally:
            self.board.release(entry.ref)
            self._changed.set()

    async def _explain(self) -> None:
        explaining = Explaining(self.board)
        while True:
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
            for entry, reason in explaining.news():
                await self._tell(entry, DelayExecution(reason))

    async def _tell(self, entry: Entry, command: AssignExecution | DelayExecution) -> None:
        """What goes wrong with one execution holds up no other; one that cannot be decided about leaves the board."""
        name = type(command).__name__
        try:
            handled = await self.context.handle(entry.ref, command)
        except HistoryLost:
            raise
        except DamagedHistory as error:
            logger.error("%s of %s: %s", name, entry.ref.id, error)
            self.board.drop(entry.ref)
        except RgridError as error:
            logger.warning("%s of %s: %s", name, entry.ref.id, error)
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
        except Exception:
            logger.exception("%s of %s failed", name, entry.ref.id)
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
        else:
            self.board.put(entry.ref, handled.state, handled.position)


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
        n.NodeJoined,
        n.NodeLost,
        n.NodeLeft,
    ),
    sends=(AssignExecution, DelayExecution),
    start=lambda context: Scheduler(context).run(),
)
