"""Gives every queued execution a node, or a named reason why it waits.

It folds the log into a board and places whenever the board changes. Two schedulers side by side do no harm: an
assignment is accepted by the log only for the attempt that is next, and only once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from domain.errors import DamagedHistory, HistoryLost, RgridError
from domain.execution import events as e
from domain.execution.commands import AssignExecution, DelayExecution
from domain.node import events as n
from domain.placement import NodeRoom, place
from services.runtime.log import Ref
from services.runtime.service import Context, Service
from services.scheduler.board import Board, Entry

logger = logging.getLogger("rgrid.scheduler")

EXPLAIN_AFTER_SECONDS = 0.5
"""Who waits no longer than this is not told why: most are placed within milliseconds."""
EXPLAIN_AT_ONCE_MAX = 200
SCAN_MAX = 1000
"""How many of the waiting one pass looks at; those behind them are looked at when these have gone."""

LOADS_AT_ONCE = 32


class Scheduler:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.board = Board()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Fold and place until cancelled."""
        position = await self._start()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fold(position))
            group.create_task(self._place())
            group.create_task(self._explain())

    async def _start(self) -> int:
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

    async def _place(self) -> None:
        while True:
            due_seconds = self._place_all()
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), due_seconds)
            except TimeoutError:
                pass

    def _place_all(self) -> float | None:
        """Place whatever fits; returns the seconds until the next attempt comes due (None: nobody waits for the clock)."""
        now_us = self.context.now_us()
        rooms = {room.node_id: room for room in self.board.rooms()}
        chosen: list[tuple[Entry, NodeRoom]] = []
        next_us: int | None = None
        for seen, entry in enumerate(self.board.waiting()):
            if seen >= SCAN_MAX or not any(room.cpu_free_millis > 0 for room in rooms.values()):
                break
            if entry.state.not_before_us > now_us:
                next_us = min(next_us or entry.state.not_before_us, entry.state.not_before_us)
                continue
            room = place(_job(entry), list(rooms.values()))
            if isinstance(room, NodeRoom):
                chosen.append((entry, room))
                rooms[room.node_id] = _taken(room, entry)
        for entry, room in chosen:
            self.board.reserve(entry.ref, room.node_id)
            self._spawn(entry, room, now_us)
        return None if next_us is None else max(0.001, (next_us - now_us) / 1e6)

    def _spawn(self, entry: Entry, room: NodeRoom, now_us: int) -> None:
        task = asyncio.create_task(self._assign(entry, room, now_us))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _assign(self, entry: Entry, room: NodeRoom, now_us: int) -> None:
        attempt = entry.state.attempt + 1
        command = AssignExecution(
            attempt, room.node_id, room.incarnation, room.node_type, self.context.settings.lease_seconds, now_us
        )
        try:
            handled = await self.context.handle(entry.ref, command, command_id=f"{entry.ref.id}.assign.{attempt}")
            self.board.put(entry.ref, handled.state, handled.position)
        except RgridError as error:
            logger.warning("%s was not assigned: %s", entry.ref.id, error)
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
        finally:
            self.board.release(entry.ref)
            self._changed.set()

    async def _explain(self) -> None:
        """Say why the rest waits, once for every change of reason."""
        before: set[Ref] = set()
        while True:
            await asyncio.sleep(EXPLAIN_AFTER_SECONDS)
            now: set[Ref] = set()
            rooms = self.board.rooms()
            for entry in list(self.board.waiting()):
                if len(now) >= EXPLAIN_AT_ONCE_MAX:
                    break
                reason = self._reason(entry, rooms)
                if reason is None or reason == entry.state.delay:
                    continue
                now.add(entry.ref)
                if entry.ref in before:
                    await self._delay(entry, reason)
            before = now

    def _reason(self, entry: Entry, rooms: list[NodeRoom]) -> e.Reason | None:
        if entry.state.not_before_us > self.context.now_us():
            why = entry.state.ended.message if entry.state.ended else ""
            return e.Reason("WAITING_FOR_RETRY", f"Attempt {entry.state.attempt} ended: {why} Another one is due soon.")
        verdict = place(_job(entry), rooms)
        return verdict if isinstance(verdict, e.Reason) else None

    async def _delay(self, entry: Entry, reason: e.Reason) -> None:
        try:
            handled = await self.context.handle(entry.ref, DelayExecution(reason))
        except RgridError as error:
            logger.warning("%s: the reason it waits was not recorded: %s", entry.ref.id, error)
            return
        self.board.put(entry.ref, handled.state, handled.position)


def _job(entry: Entry) -> e.Job:
    assert entry.state.job is not None, "the board holds only submitted executions"
    return entry.state.job


def _taken(room: NodeRoom, entry: Entry) -> NodeRoom:
    limits = _job(entry).limits
    return replace(
        room,
        cpu_free_millis=room.cpu_free_millis - limits.cpu_millis,
        memory_free_bytes=room.memory_free_bytes - limits.memory_bytes,
    )


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
