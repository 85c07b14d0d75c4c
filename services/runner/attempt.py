"""One attempt, from the work in hand to the result: prepare, run, end the tree and see it gone, bring everything home."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from domain.errors import Invalid, StaleLease, Unavailable
from domain.execution.events import AttemptResult, Reason
from services.runner import explain, keep
from services.runner.collect import Collected
from services.runner.disk import DiskFull, wait_for_room
from services.runner.download import Damaged
from services.runner.ending import CANCELLED, STALE, STOPPED, Ended, Ending, dropped
from services.runner.last_words import last_words
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.prepare import prepare
from services.runner.sandbox.box import Spec, StartFailed
from services.runner.stage import Print, Unfit
from services.runner.start import Start
from services.runner.urls import Urls
from services.runner.watching import watch
from services.runtime.messages import RunWork, StartedFact

log = logging.getLogger("rgrid.runner")
NOTHING_COMES_HOME = ("CANCELLED", "DISK_LIMIT")


class Attempt:
    """`run` it once; `end` it from outside, for a cause."""

    def __init__(self, node: Node, work: RunWork) -> None:
        self._node, self.work = node, work
        self._urls = Urls(node.bus, node.id, work)
        self.folder = node.folder / "attempts" / f"{work.execution}.{work.attempt}"
        self._ending = Ending()
        self._spool = Spool(self.folder / "log", work.attempt, node.log_bytes_max)
        self._start: Start | None = None
        self._files: asyncio.Task[dict[str, Print]] | None = None
        self._started_at_us: int | None = None

    def end(self, cause: str) -> None:
        """`cancelled` (a person wants it), `stale` (another attempt holds the lease), `stopped` (the runner ends)."""
        self._ending.set(cause)

    def fetch(self) -> None:
        """Begin to get its files, while it is not decided yet whether it runs; `drop` it, or `run` it."""
        if self._files is None:
            self._files = asyncio.create_task(self._prepare())

    async def drop(self) -> None:
        """It will not run here."""
        if self._files is not None:
            await dropped(self._files)

    @property
    def cause(self) -> str:
        """Why it was ended from outside, empty if it was not."""
        return self._ending.cause

    async def run(self) -> AttemptResult | None:
        """How it ended; None when nobody wants to know (the lease is somebody else's)."""
        try:
            result = await self._run()
        except Ended:
            result = self._result(*self._ending.result())
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
        if self._start is not None:
            await self._start.settled()
        return None if self.cause == STALE else result

    async def _run(self) -> AttemptResult:
        work = self.folder / "work"
        try:
            staged = await self._ending.unless_wanted(self._files or self._prepare())
        except Unfit as error:
            return self._result("failed", explain.input_damaged(error.message))
        running = await self._node.sandbox.start(self._spec())
        try:
            self._say_started()
            status, reason, end = await watch(self._node, self.work, running, self._spool, self.folder, self._ending)
            result = replace(self._result(status, reason), exit_code=end.code, signal=end.signal, usage=running.usage())
            result = replace(result, error_line=last_words(result, self._spool.tail))
        finally:
            await running.kill(0)  # whatever went wrong here: nothing of it goes on
            running.close()
        if self.cause in (STALE, STOPPED):
            return result
        if self._spool.broken:
            why = explain.runner_failed(f"the node could not keep the log: {self._spool.broken}")
            return replace(result, status="lost", reason=why)
        most = self.work.job.limits.disk_bytes
        found = Collected() if reason.code in NOTHING_COMES_HOME else await keep.outputs(work, staged, most)
        try:
            return await self._ending.in_time(self._bring_home(result, found))
        except (Invalid, Unavailable, OSError) as error:
            reason = explain.output_failed(str(error))
            status, reason = self._ending.result() if self.cause == CANCELLED else ("lost", reason)
        except Ended:
            status, reason = self._ending.result()
        return replace(result, status=status, reason=reason, log=self._spool.summary())

    async def _prepare(self) -> dict[str, Print]:
        await wait_for_room(self._node.folder)
        work = self.folder / "work"
        work.mkdir(parents=True)
        return await prepare(self._node, self.work.job, self._urls, work)

    def _say_started(self) -> None:
        self._started_at_us = _now_us()
        work = self.work
        fact = StartedFact(work.account, work.execution, work.attempt, self._started_at_us, self._node.sandbox.kind)
        self._start = Start(self._node.reports, fact)
        self._spool.on_first = self._start.say

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


def _now_us() -> int:
    return time.time_ns() // 1000
