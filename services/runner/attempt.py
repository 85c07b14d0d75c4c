"""One attempt, from the work in hand to the result: prepare, run, end the tree and see it gone, bring everything home."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from domain.errors import Invalid, StaleLease, Unavailable
from domain.execution.events import AttemptResult, Reason
from services.runner import explain, keep
from services.runner.collect import Collected
from services.runner.disk import DiskFull, DiskWatch, wait_for_room
from services.runner.download import Damaged
from services.runner.logs.pipes import Pipes
from services.runner.logs.publisher import Publisher
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.prepare import prepare
from services.runner.sandbox.box import Exit, Running, Spec, StartFailed
from services.runner.stage import Unfit
from services.runner.urls import Urls
from services.runtime import subjects
from services.runtime.messages import RunWork, StartedFact

log = logging.getLogger("rgrid.runner")
T = TypeVar("T")

CANCELLED, STALE, STOPPED = "cancelled", "stale", "stopped"
PATIENCE_SECONDS = {CANCELLED: 10.0, STALE: 0.0, STOPPED: 5.0}
"""How much longer the outputs of a script that has ended may take once somebody wants it over, by cause."""
NOTHING_COMES_HOME = ("CANCELLED", "DISK_LIMIT")


class Ended(Exception):
    """Somebody wants it over before it began."""


class Attempt:
    """`run` it once; `end` it from outside, for a cause."""

    def __init__(self, node: Node, work: RunWork) -> None:
        self._node, self.work = node, work
        self._urls = Urls(node.bus, node.id, work)
        self.folder = node.folder / "attempts" / f"{work.execution}.{work.attempt}"
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._spool = Spool(self.folder / "log", work.attempt, node.log_bytes_max)
        self._started: asyncio.Task[None] | None = None
        self._started_at_us: int | None = None

    def end(self, cause: str) -> None:
        """`cancelled` (a person wants it), `stale` (another attempt holds the lease), `stopped` (the runner ends)."""
        if not self._ending.done():
            self._ending.set_result(cause)

    @property
    def cause(self) -> str:
        """Why it was ended from outside, empty if it was not."""
        return self._ending.result() if self._ending.done() else ""

    async def run(self) -> AttemptResult | None:
        """How it ended; None when nobody wants to know (the lease is somebody else's)."""
        try:
            result = await self._run()
        except Ended:
            result = self._result(*self._outside(self.cause))
        except StaleLease:
            return None
        except (Invalid, Unavailable) as error:
            why = explain.input_damaged if isinstance(error, Damaged) else explain.input_unavailable
            result = self._result("lost", why(error.message))
        except DiskFull as error:
            log.warning("%s is not begun: %s", self.work.execution, error)
            result = self._result("lost", explain.node_disk_full(str(error)))
        except StartFailed as error:
            result = self._result("lost", explain.start_failed(str(error)))
        except OSError as error:
            log.error("%s attempt %s: %s", self.work.execution, self.work.attempt, error)
            result = self._result("lost", explain.node_failed(str(error)))
        except Exception as error:
            log.exception("%s attempt %s", self.work.execution, self.work.attempt)
            result = self._result("lost", explain.runner_failed(f"{type(error).__name__}: {error}"))
        finally:
            self._spool.close()
        if self._started is not None:
            await self._started
        return None if self.cause == STALE else result

    async def _run(self) -> AttemptResult:
        work = self.folder / "work"
        try:
            await self._unless_ended(wait_for_room(self._node.folder))
            work.mkdir(parents=True)
            staged = await self._unless_ended(prepare(self._node, self.work.job, self._urls, work))
        except Unfit as error:
            return self._result("failed", explain.input_damaged(error.message))
        running = await self._node.sandbox.start(self._spec())
        try:
            status, reason, end = await self._watch(running)
            result = replace(self._result(status, reason), exit_code=end.code, signal=end.signal, usage=running.usage())
        finally:
            await running.kill(0)  # whatever went wrong here: nothing of it goes on
            running.close()
        if self.cause in (STALE, STOPPED):
            return result
        if self._spool.broken:
            why = explain.runner_failed(f"the node could not keep the log: {self._spool.broken}")
            return replace(result, status="lost", reason=why)
        found = Collected() if reason.code in NOTHING_COMES_HOME else await keep.outputs(work, staged)
        try:
            return await self._in_time(self._bring_home(result, found))
        except (Invalid, Unavailable, OSError) as error:
            reason = explain.output_failed(str(error))
            status, reason = self._outside(CANCELLED) if self.cause == CANCELLED else ("lost", reason)
        except Ended:
            status, reason = self._outside(self.cause)
        return replace(result, status=status, reason=reason, log=self._spool.summary())

    async def _watch(self, running: Running) -> tuple[str, Reason, Exit]:
        """From the first byte to the last process; returns status, reason and how the main process ended."""
        job, wake = self.work.job, asyncio.Event()
        self._say_started()
        pipes = Pipes(running.stdout, running.stderr, self._spool, wake)
        subject = subjects.log(self._node.id, self.work.account, self.work.execution)
        publisher = Publisher(self._node.bus, subject, self._spool, wake)
        publishing = asyncio.create_task(publisher.run())
        ending = asyncio.create_task(running.wait())
        disk = DiskWatch(self.folder, job.limits.disk_bytes)
        filling = asyncio.create_task(disk.over())
        try:
            await asyncio.wait(
                (ending, self._ending, filling),
                timeout=job.limits.timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            by_itself, cause = ending.done(), self.cause
            await running.kill(0 if by_itself else self._node.kill_grace_seconds)
            end = await ending
            pipes.drain()
        finally:
            publisher.close()
            filling.cancel()
            if self.cause in (STALE, STOPPED) or not ending.done():
                publishing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await publishing
        if not end.started:
            raise StartFailed("the box or the interpreter could not be started; its log may say why")
        if filling.done() and not filling.cancelled() and not cause:
            return "failed", explain.disk_limit(job.limits, disk.bound), end
        if by_itself:
            return *await self._own_end(end, running, disk), end
        return *(self._outside(cause) if cause else ("timed_out", explain.timed_out(job.limits))), end

    async def _own_end(self, end: Exit, running: Running, disk: DiskWatch) -> tuple[str, Reason]:
        """A script that was refused more room mostly ends by itself, before the watch sees it."""
        limits, oom = self.work.job.limits, running.oom()
        status, reason = explain.ended(end, oom, limits, running.guarded())
        if status == "failed" and not oom and disk.near() and await disk.exceeded():
            return "failed", explain.disk_limit(limits, disk.bound)
        return status, reason

    def _say_started(self) -> None:
        self._started_at_us = _now_us()
        work = self.work
        fact = StartedFact(work.account, work.execution, work.attempt, self._started_at_us, self._node.sandbox.kind)
        self._started = asyncio.create_task(self._node.reports.attempt(fact))

    async def _bring_home(self, result: AttemptResult, found: Collected) -> AttemptResult:
        """Raises Unavailable, StaleLease, OSError."""
        outputs, archive = await keep.store(self._node, self._urls, self.folder / "work", found, self._spool)
        return replace(
            result,
            outputs=outputs,
            outputs_refused=tuple(found.refused),
            outputs_refused_count=found.refused_count,
            log=self._spool.summary(archive),
        )

    def _spec(self) -> Spec:
        work, job, scratch = self.work, self.work.job, self.folder / "tmp"
        if not self._node.sandbox.home:
            scratch.mkdir()
        env = self._node.env(work.execution, work.attempt, scratch)
        name = f"{work.execution}.{work.attempt}"
        return Spec(name, self._node.argv(job), self.folder / "work", scratch, job.limits, job.network, job.env, env)

    def _result(self, status: str, reason: Reason) -> AttemptResult:
        return AttemptResult(
            status, reason, started_at_us=self._started_at_us, ended_at_us=_now_us(), log=self._spool.summary()
        )

    def _outside(self, cause: str) -> tuple[str, Reason]:
        if cause == STOPPED:
            return "lost", explain.runner_stopped()
        return CANCELLED, explain.cancelled()

    async def _unless_ended(self, doing: Coroutine[Any, Any, T]) -> T:
        """Do it, unless the attempt is ended from outside meanwhile: then raise Ended."""
        task = asyncio.create_task(doing)
        await asyncio.wait((task, self._ending), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,))
        raise Ended

    async def _in_time(self, doing: Coroutine[Any, Any, T]) -> T:
        """The script has ended, and that end stands; only when its outputs do not come home in time, Ended is raised."""
        task = asyncio.create_task(doing)
        await asyncio.wait((task, self._ending), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait((task,), timeout=PATIENCE_SECONDS.get(self.cause, 0.0))
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,))
        raise Ended


def _now_us() -> int:
    return time.time_ns() // 1000
