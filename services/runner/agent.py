"""The agent: joins, answers for what an earlier life left, takes work, beats, and leaves in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time

from domain.execution.events import AttemptResult
from services.runner import explain, memory_folder
from services.runner.intake import Intake
from services.runner.journal import Journal
from services.runner.node import Capacity, Node
from services.runner.sandbox.cgroup import Groups, empty
from services.runtime.messages import FinishedFact, Heartbeat, JoinedFact, LeftFact

log = logging.getLogger("rgrid.runner")

STOP_SECONDS_MAX = 8.0


class Agent:
    """One life of a runner; `joined` says what it offers and names this life."""

    def __init__(
        self, node: Node, journal: Journal, joined: JoinedFact, heartbeat_seconds: float, groups: Groups | None = None
    ) -> None:
        self._node, self._journal, self._joined, self._groups = node, journal, joined, groups
        self._heartbeat_seconds = heartbeat_seconds
        self._intake = Intake(node, journal, Capacity(joined.offer.cpu_millis, joined.offer.memory_bytes))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then everything is ended and answered for."""
        await self._recover()
        await self._node.reports.node(self._joined)
        log.info("joined as %s (%s)", self._node.id, self._node.sandbox.kind)
        loops = [asyncio.create_task(self._intake.run()), asyncio.create_task(self._beat())]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((*loops, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (*loops, stopping):
            task.cancel()
        await self._leave()
        for task in loops:
            if task.done() and not task.cancelled():
                task.result()

    async def _recover(self) -> None:
        """Whatever an earlier life left: end it, say that it is lost, forget it."""
        for group in self._groups.leftovers() if self._groups else []:
            await empty(group)
            group.remove()
        for entry in list(self._journal.open.values()):
            reason = explain.runner_restarted()
            lost = AttemptResult("lost", reason, ended_at_us=time.time_ns() // 1000)
            fact = FinishedFact(entry["account"], entry["execution"], entry["attempt"], lost)
            await self._node.reports.attempt(fact)
            self._journal.done(entry["execution"], entry["attempt"])
            self._intake.forget((entry["execution"], entry["attempt"]))
            log.warning("%s attempt %s was lost with the last runner", entry["execution"], entry["attempt"])
        await asyncio.to_thread(shutil.rmtree, self._node.folder / "attempts", True)
        await asyncio.to_thread(self._node.environments.sweep)
        memory_folder.clear(self._node.folder)

    async def _leave(self) -> None:
        await self._intake.end(self._node.kill_grace_seconds + STOP_SECONDS_MAX)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._node.reports.node(LeftFact(self._joined.incarnation)), STOP_SECONDS_MAX)

    async def _beat(self) -> None:
        while True:
            beat = Heartbeat(self._joined.incarnation, time.time_ns() // 1000, self._intake.held())
            await self._node.reports.heartbeat(beat)
            await asyncio.sleep(self._heartbeat_seconds)
