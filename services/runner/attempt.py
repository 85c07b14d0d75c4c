"""One attempt, from the work in hand to the result: prepare, run, end the tree and see it gone, bring everything home."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from domain.errors import Invalid, StaleLease, Unavailable
from domain.execution.events import AttemptResult, Reason
from services.runner import explain, faults, keep
from services.runner.collect import Collected
from services.runner.disk import wait_for_room
from services.runner.ending import CANCELLED, STALE, STOPPED, Ended, Ending, dropped
from services.runner.entrusted import Entrusted
from services.runner.interpreters import Interpreter
from services.runner.last_words import last_words
from services.runner.logs.notice import Notice
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.packages import Packages
from services.runner.parallel import together
from services.runner.picking import picked
from services.runner.prepare import prepare
from services.runner.sandbox.box import Spec, Warmth
from services.runner.stage import Print
from services.runner.start import Start
from services.runner.urls import Urls
from services.runner.watching import watch
from services.runtime import subjects
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
        self._entrusted = Entrusted(node, work)
        self._start: Start | None = None
        self._files: asyncio.Task[dict[str, Print]] | None = None
        self._packages = Packages(node, work, self.folder)
        self._started_at_us: int | None = None
        self._program: Interpreter | None = None
        self.sandbox = node.sandbox.kind
        """The kind of its box, and whether it was warm."""

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
        self._packages.release()

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
        except Exception as error:
            result = self._result(*faults.told(self.work.execution, self.work.attempt, error))
        finally:
            self._spool.close()
            self._entrusted.forget()
            await self._packages.settle(self._ending)
        if self._start is not None:
            await self._start.settled()
        return None if self.cause == STALE else self._entrusted.told(result)

    async def _run(self) -> AttemptResult:
        work = self.folder / "work"
        staged = await self._ending.unless_wanted(self._files or self._prepare())
        if self.work.job.secrets:
            await self._ending.unless_wanted(self._entrusted.fetch())
        self._spool.veil = self._entrusted.veil
        running = await self._node.sandbox.start(self._entrusted.placed(self._spec()))
        self.sandbox += "+warm" if running.warm else ""
        try:
            self._say_started()
            status, reason, end = await watch(self._node, self.work, running, self._spool, self.folder, self._ending)
            result = replace(self._result(status, reason), exit_code=end.code, signal=end.signal, usage=running.usage())
            said = last_words(result, self._spool.tail)
            result = replace(result, error_line=said, reason=explain.with_words(result.reason, said))
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
        found = self._entrusted.collected(found)
        try:
            return await self._ending.in_time(self._bring_home(result, found))
        except (Invalid, Unavailable, OSError) as error:
            reason = explain.output_failed(str(error))
            status, reason = self._ending.result() if self.cause == CANCELLED else ("lost", reason)
        except Ended:
            status, reason = self._ending.result()
        return replace(result, status=status, reason=reason, log=self._spool.summary())

    async def _prepare(self) -> dict[str, Print]:
        """The prints of its files; its environment is held from here on."""
        await wait_for_room(self._node.folder)
        self._program = await picked(self._node.sandbox, self.work.job)
        work = self.folder / "work"
        work.mkdir(parents=True)
        if self.work.job.environment is None:
            return await prepare(self._node, self.work.job, self._urls, work)
        staged: dict[str, Print] = {}

        async def files() -> None:
            staged.update(await prepare(self._node, self.work.job, self._urls, work))

        notice = Notice(self._node.bus, self._log_subject(), self._spool)
        await together((files(), self._packages.hold(self._program, self._urls, notice)))
        return staged

    def _log_subject(self) -> str:
        return subjects.log(self._node.id, self.work.account, self.work.execution)

    def _say_started(self) -> None:
        self._started_at_us = _now_us()
        work = self.work
        fact = StartedFact(work.account, work.execution, work.attempt, self._started_at_us, self.sandbox)
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
        assert self._program is not None
        if not self._node.sandbox.home:
            scratch.mkdir()
        environment = self._packages.path
        imports = job.environment.imports if job.environment is not None else ()
        return Spec(
            f"{work.execution}.{work.attempt}",
            self._node.argv(job, self._program.program, environment),
            self.folder / "work",
            scratch,
            job.limits,
            job.network,
            job.env,
            self._node.env(job, work.execution, work.attempt, scratch, environment),
            environment,
            self._program.image,
            warm=None if job.cold else Warmth(work.account, imports),
        )

    def _result(self, status: str, reason: Reason) -> AttemptResult:
        return AttemptResult(
            status, reason, started_at_us=self._started_at_us, ended_at_us=_now_us(), log=self._spool.summary()
        )


def _now_us() -> int:
    return time.time_ns() // 1000
