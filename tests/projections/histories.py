"""Legal histories for tests: commands sent through the real deciders; what those refuse does not happen."""

from __future__ import annotations

import random
from typing import Any

from domain.catalog import AGGREGATES
from domain.cost.settlement import estimate, settle
from domain.errors import Refused
from domain.execution import commands as c
from domain.execution.events import AttemptResult, LogSummary, Lookup, Reason, Usage
from domain.execution.job import Environment, Job, Limits
from domain.files import FileRef, FileSet, file_set
from services.runtime.log import Commit, Recorded, Ref

START_US = 1_760_000_000_000_000


class World:
    """Aggregates and their log, driven by a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now_us = START_US
        self.log: list[Recorded] = []
        self.states: dict[Ref, Any] = {}
        self.positions: dict[Ref, int] = {}

    def send(self, ref: Ref, command: Any) -> bool:
        """One command; whether anything came of it."""
        aggregate = AGGREGATES[ref.aggregate]
        try:
            events = aggregate.decide(self.states.get(ref, aggregate.initial), command)
        except Refused:
            return False
        for event in events:
            self.states[ref] = aggregate.evolve(self.states.get(ref, aggregate.initial), event)
        if events:
            self.record(ref, *events)
        return bool(events)

    def record(self, ref: Ref, *events: Any) -> None:
        """One commit, whatever a decider would say."""
        position = len(self.log) + 1
        commit = Commit(ref, f"cmd_{position}", self.now_us, "key:k1", events)
        self.log.append(Recorded(position, self.positions.get(ref, 0), commit))
        self.positions[ref] = position

    def lifecycle(self, ref: Ref, job: Job | None = None, **submit: Any) -> None:
        """Submitted to billed, as most executions go."""
        self.now_us += 1_000_000
        self.send(ref, c.SubmitExecution(job or self.job(), "f", **submit))
        self.send(ref, c.ResolveExecution(*[Lookup("miss", "new")] * 3))
        bill = Ref(ref.account, "cost", ref.id)
        self.send(bill, estimate(self.states[ref].job, "cx23", None))
        self.send(ref, c.AssignExecution(1, "cloud-1", "i1", "cx23", self.now_us))
        self.send(ref, c.StartExecution(1, "cloud-1", self.now_us, "process"))
        started_us, self.now_us = self.now_us, self.now_us + 90_000_000
        self.send(ref, c.FinishExecution(1, "cloud-1", self.result("succeeded", started_us), self.now_us))
        self.send(bill, settle(self.states[ref]))

    def result(self, status: str, started_us: int | None) -> AttemptResult:
        outputs = file_set((FileRef("out/ü.txt", "ab" * 32, 12),))
        log = LogSummary(3, 10, 7, 3, 400, archive="cd" * 32)
        return AttemptResult(
            status,
            Reason("OK", "It ended."),
            0,
            None,
            started_us,
            self.now_us,
            Usage(390, 31_000_000, 420),
            log,
            outputs,
        )

    def job(self) -> Job:
        number = self.random.randrange(4)
        script = FileRef(f"src/s{number}.py", f"{number:064x}", 100)
        inputs = file_set((FileRef("in.csv", f"{number + 100:064x}", 5), FileRef("b\nc", f"{number + 101:064x}", 0)))
        limits = Limits(cpu_millis=500 * (number + 1), timeout_seconds=1.5)
        manifest = FileSet(300, 1000, (), f"{number + 200:064x}")
        chosen = manifest if number == 3 else inputs
        packages = Environment("python", FileRef("requirements.lock", f"{number:064x}", 9), "the block in s.py")
        more = {"environment": packages, "interpreter": "3.12"} if number > 1 else {}
        return Job(
            "python",
            script,
            ("--x", "1"),
            chosen,
            env={"A": "b"},
            limits=limits,
            network=number == 1,
            retries=number,
            **more,
        )


class ListLog:
    """A log that is there already, as a rebuild reads it."""

    def __init__(self, log: list[Recorded]) -> None:
        self.log = log

    async def read(self, after: int = 0, *, until: int | None = None, batch: int = 1000) -> Any:
        last = len(self.log) if until is None else min(until, len(self.log))
        for start in range(after, last, batch):
            yield self.log[start : min(start + batch, last)]

    async def last_position(self) -> int:
        return len(self.log)


def lifecycles(count: int, account: str = "local") -> list[Recorded]:
    """The log of `count` plain lives, one after the other."""
    world = World(1)
    for number in range(count):
        world.lifecycle(Ref(account, "execution", f"exec_{number:012d}"), name=f"run {number % 7}")
    return world.log
