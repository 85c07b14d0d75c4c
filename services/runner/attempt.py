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
from services.runner.entrusted import Entrusted
from services.runner.environments.environments import Held
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.interpreters import Interpreter
from services.runner.last_words import last_words
from services.runner.logs.notice import Notice
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.parallel import together
from services.runner.picking import picked
from services.runner.prepare import prepare
from services.runner.sandbox.box import ImageRefused, Spec, StartFailed, Warmth
from services.runner.secret_values import Withheld
from services.runner.stage import Print, Unfit
from services.runner.start import Start
from services.runner.urls import Urls
from services.runner.watching import watch
from services.runtime import subjects
from services.runtime.messages import RunWork, StartedFact

log = logging.getLogger("rgrid.runner")
ARCHIVE_SECONDS_MAX = 60.0
"""How much longer an attempt may take so that its environment, just made, is in the store for other nodes."""
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
        self._environment: Held | None = None
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
        self._release()

    @property
    def cause(self) -> str:
        """Why it was ended from outside, empty if it was not."""
        return self._ending.cause

    async def run(self) -> AttemptResult | None:
        """How it ended; None when nobody wants to know (the lease is somebody else's)."""
        try:
            result = await self._run()
        except Withheld as error:
            result = self._result(error.status, explain.secret_unavailable(error.message, error.hint))
        except Ended:
            result = self._result(*self._ending.result())
        except StaleLease:
            return None
        except Unbuildable as error:
            result = self._result("failed", explain.environment_failed(error.message, error.hint))
        except Unbuilt as error:
            result = self._result("lost", explain.environment_unavailable(error.message))
        except LookupError as error:
            result = self._result("lost", explain.interpreter_gone(str(error)))
        except (Invalid, Unavailable) as error:
            why = explain.input_damaged if isinstance(error, Damaged) else explain.input_unavailable
            result = self._result("lost", why(error.message))
        except DiskFull as error:
            log.warning("%s is not begun: %s", self.work.execution, error)
            result = self._result("lost", explain.node_disk_full(str(error)))
        except ImageRefused as error:
            result = self._result("failed" if error.final else "lost", Reason(error.code, error.message, error.hint))
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
            self._entrusted.forget()
            await self._settle()
        if self._start is not None:
            await self._start.settled()
        return None if self.cause == STALE else self._entrusted.told(result)

    async def _run(self) -> AttemptResult:
        work = self.folder / "work"
        try:
            staged = await self._ending.unless_wanted(self._files or self._prepare())
        except Unfit as error:
            return self._result("failed", explain.input_damaged(error.message))
        if self.work.job.secrets:
            await self._ending.unless_wanted(self._entrusted.fetch())
        self._spool.veil = self._entrusted.veil
        running = await self._node.sandbox.start(self._entrusted.placed(self._spec()))
        self.sandbox += "+warm" if running.warm else ""
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

        await together((files(), self._hold_environment()))
        return staged

    async def _hold_environment(self) -> None:
        node, job = self._node, self.work.job
        assert self._program is not None
        notice = Notice(node.bus, subjects.log(node.id, self.work.account, self.work.execution), self._spool)
        try:
            ready = node.environments.ready(self.work, self._program, self._urls, notice.making)
            self._environment = held = await ready
        finally:
            await notice.over()
        if (
            held is not None
            and job.environment is not None
            and job.environment.kind == "node"
            and not node.sandbox.confined
        ):
            (self.folder / "node_modules").symlink_to(held.path / "node_modules")

    async def _settle(self) -> None:
        """What other nodes need of its environment is stored before its end is known: then its lease is gone."""
        if self._environment is not None and not self.cause:
            settling = asyncio.create_task(self._environment.settled(ARCHIVE_SECONDS_MAX))
            await asyncio.wait((settling, self._ending.wanted), return_when=asyncio.FIRST_COMPLETED)
            settling.cancel()
        self._release()

    def _release(self) -> None:
        if self._environment is not None:
            self._environment.close()

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
        environment = self._environment.path if self._environment else None
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
