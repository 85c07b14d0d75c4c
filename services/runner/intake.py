"""What a node has in hand: work is written down, acknowledged, begun as there is room, seen through and answered for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Coroutine
from typing import Any

import orjson

from domain.errors import Unavailable
from services.runner.attempt import Attempt
from services.runner.cleaning import remove_tree
from services.runner.ending import STOPPED
from services.runner.journal import Journal, Key
from services.runner.node import Capacity, Node
from services.runtime import subjects
from services.runtime.messages import CancelWork, FinishedFact, ForgetWork, RunWork
from services.runtime.plain import from_plain
from services.runtime.pull import Pulled, Puller

log = logging.getLogger("rgrid.runner")

IN_HAND_MAX = 64
"""Work that waits here for room. There is always a pull open: a cancel must never wait behind a full node."""
REMEMBERED_MAX = 10_000
KINDS: dict[str, type[CancelWork | ForgetWork | RunWork]] = {"cancel": CancelWork, "forget": ForgetWork}
"""By `op`; all else is work to run."""
NOT_NOW = b'-NAK {"delay": 2000000000}'


class Intake:
    """The work of one life of a runner; `free` is what it may use at the same time."""

    def __init__(self, node: Node, journal: Journal, free: Capacity) -> None:
        self._node, self._journal, self._free = node, journal, free
        self._attempts: dict[Key, Attempt] = {}
        self._waiting: deque[Attempt] = deque()
        self._ended: OrderedDict[Key, str] = OrderedDict()
        self._cancelled: OrderedDict[Key, str] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._puller = Puller(node.bus, subjects.WORK, self._consumer, self._on_message, self._room)

    async def run(self) -> None:
        """Take work until cancelled."""
        await self._puller.run()

    def held(self) -> tuple[tuple[str, str, int], ...]:
        """(account, execution, attempt) of all that is written down and in hand."""
        works = [attempt.work for key, attempt in self._attempts.items() if key in self._journal]
        return tuple((work.account, work.execution, work.attempt) for work in works)

    def forget(self, key: Key) -> None:
        """It was answered for: another delivery of it is only acknowledged."""
        _remember(self._ended, key, "")

    async def end(self, seconds: float) -> None:
        """Take nothing more, stop all that runs, and wait for the answers."""
        self._stopping = True
        for attempt in self._attempts.values():
            attempt.end(STOPPED)
        for attempt in list(self._waiting):
            self._begin(attempt)
        self._waiting.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()

    async def _consumer(self) -> str:
        """It is made by the control plane; until then pulling ends in `no responders`, and begins again."""
        return subjects.runner_consumer(self._node.id)

    def _room(self) -> int:
        return 0 if self._stopping else max(1, IN_HAND_MAX - len(self._waiting))

    def _on_message(self, pulled: Pulled) -> None:
        try:
            plain = orjson.loads(pulled.data)
            work = from_plain(KINDS.get(plain.get("op", ""), RunWork), plain)
        except (ValueError, AttributeError) as error:
            log.error("work that cannot be read is dropped: %s", error)
            self._spawn(self._answer(pulled, b"+TERM"))
            return
        if isinstance(work, CancelWork):
            self._cancel(work)
            self._spawn(self._answer(pulled))
        elif isinstance(work, ForgetWork):
            self._node.environments.forget(work.environments, work.reason)
            self._spawn(self._answer(pulled))
        else:
            self._take(work, pulled)

    def _cancel(self, work: CancelWork) -> None:
        """End it, or remember that it is to be ended when it comes: work that was not taken at once is delivered again."""
        key = (work.execution, work.attempt)
        attempt = self._attempts.get(key)
        if attempt is None:
            _remember(self._cancelled, key, work.cause)
            return
        attempt.end(work.cause)
        if attempt in self._waiting:
            self._waiting.remove(attempt)
            self._begin(attempt)

    def _take(self, work: RunWork, pulled: Pulled) -> None:
        key = (work.execution, work.attempt)
        if self._stopping:
            return
        if key in self._journal or key in self._ended:
            self._spawn(self._answer(pulled))
            return
        if key in self._attempts:
            return  # being written down: the first delivery will be answered
        attempt = self._attempts[key] = Attempt(self._node, work)
        if key in self._cancelled:
            attempt.end(self._cancelled[key])
        self._spawn(self._hold(attempt, pulled))

    async def _hold(self, attempt: Attempt, pulled: Pulled) -> None:
        """On disk first, then acknowledged, then begun as soon as there is room; its files are fetched meanwhile."""
        work = attempt.work
        if not self._waiting and self._fits(attempt):
            attempt.fetch()
        try:
            await self._journal.hold(work.account, work.execution, work.attempt)
        except OSError as error:
            del self._attempts[work.execution, work.attempt]
            await attempt.drop()
            remove_tree(attempt.folder)
            log.error("%s is not taken: the journal cannot be written: %s", work.execution, error)
            await self._answer(pulled, NOT_NOW)
            return
        await self._answer(pulled)
        self._waiting.append(attempt)
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        while self._waiting and (self._fits(self._waiting[0]) or self._waiting[0].cause):
            self._begin(self._waiting.popleft())
        self._puller.wake()

    def _fits(self, attempt: Attempt) -> bool:
        limits = attempt.work.job.limits
        return limits.cpu_millis <= self._free.cpu_millis and limits.memory_bytes <= self._free.memory_bytes

    def _begin(self, attempt: Attempt) -> None:
        self._use(attempt, 1)
        self._spawn(self._see_through(attempt))

    def _use(self, attempt: Attempt, sign: int) -> None:
        limits, free = attempt.work.job.limits, self._free
        self._free = Capacity(
            free.cpu_millis - sign * limits.cpu_millis, free.memory_bytes - sign * limits.memory_bytes
        )

    async def _see_through(self, attempt: Attempt) -> None:
        work, key = attempt.work, (attempt.work.execution, attempt.work.attempt)
        try:
            result = await attempt.run()
            if result is not None:
                fact = FinishedFact(work.account, work.execution, work.attempt, result, attempt.sandbox)
                await self._node.reports.attempt(fact)
            self._journal.done(*key)
            self.forget(key)
        finally:
            del self._attempts[key]
            self._use(attempt, -1)
            self._begin_waiting()
            remove_tree(attempt.folder)

    async def _answer(self, pulled: Pulled, word: bytes = b"+ACK") -> None:
        """A lost answer means that it is delivered again, and recognised."""
        with contextlib.suppress(Unavailable):
            await self._node.bus.send(pulled.reply, word)

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the agent failed at a task", exc_info=task.exception())


def _remember(known: OrderedDict[Key, str], key: Key, what: str) -> None:
    known[key] = what
    if len(known) > REMEMBERED_MAX:
        known.popitem(last=False)
