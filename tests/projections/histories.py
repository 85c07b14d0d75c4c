"""Random but legal histories: random commands, sent through the real deciders; what they refuse does not happen."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from domain.account import commands as account
from domain.catalog import AGGREGATES
from domain.cost.settlement import estimate, settle
from domain.errors import Refused
from domain.execution import commands as c
from domain.execution.events import AttemptResult, LogSummary, Lookup, Reason, RefusedOutput, Usage
from domain.execution.job import Job, Limits
from domain.execution.state import Execution
from domain.files import FileRef, FileSet, file_set
from domain.node import commands as node
from domain.node.offer import Offer
from services.runtime.log import Commit, Recorded, Ref

START_US = 1_760_000_000_000_000
ACCOUNTS = ("local", "other")
NODES = ("local-1", "cloud-1")
NODE_TYPES = {"local-1": "local", "cloud-1": "cx23"}
TEXTS = ("", "x", "über\u0000null", "a b")


class World:
    """Aggregates and their log, driven by a seed; `lifecycles` makes plain whole lives, `step` anything at all."""

    def __init__(self, seed: int = 0, executions: int = 6) -> None:
        self.random = random.Random(seed)
        self.now_us = START_US
        self.log: list[Recorded] = []
        self.states: dict[Ref, Any] = {}
        self.positions: dict[Ref, int] = {}
        self.executions = [
            Ref(self.random.choice(ACCOUNTS), "execution", f"exec_{number:012d}") for number in range(executions)
        ]

    def send(self, ref: Ref, command: Any) -> bool:
        """One command; whether anything came of it."""
        aggregate = AGGREGATES[ref.aggregate]
        try:
            events = aggregate.decide(self.states.get(ref, aggregate.initial), command)
        except Refused:
            return False
        for event in events:
            self.states[ref] = aggregate.evolve(self.states.get(ref, aggregate.initial), event)
            position = len(self.log) + 1
            commit = Commit(ref, f"cmd_{position}", self.now_us, "key:k1", (event,))
            self.log.append(Recorded(position, self.positions.get(ref, 0), commit))
            self.positions[ref] = position
        return bool(events)

    def step(self) -> None:
        """Some command to somebody."""
        self.now_us += self.random.randrange(20_000_000)
        pick = self.random.random()
        if pick < 0.06:
            self._node()
        elif pick < 0.1:
            self._account()
        else:
            ref = self.random.choice(self.executions)
            if pick < 0.25:
                self._cost(ref)
            else:
                self.send(ref, self._command(self.states.get(ref, Execution())))

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
        return Job(
            "python", script, ("--x", "1"), chosen, env={"A": "b"}, limits=limits, network=number == 1, retries=number
        )

    def _command(self, state: Execution) -> Any:
        """Mostly what fits, sometimes what does not."""
        attempt, node_id = state.attempt, state.node_id or self.random.choice(NODES)
        started_us = self.now_us - 5_000_000 if self.random.random() < 0.7 else None
        status = self.random.choice(("succeeded", "failed", "timed_out", "cancelled", "lost"))
        result = replace(
            self.result(status, started_us),
            outputs_refused=(RefusedOutput("../x", "outside"),) * self.random.randrange(3),
            exit_code=self.random.choice((None, 0, 7)),
        )
        tags = dict(self.random.sample((("k", "v"), ("k2", "v 2"), ("team", "x")), self.random.randrange(4)))
        name, project = self.random.choice(TEXTS), self.random.choice(("default", "p2"))
        return self.random.choice(
            (
                c.SubmitExecution(self.job(), "f", name, project, tags, self.random.randrange(3)),
                c.ResolveExecution(Lookup("hit", "seen"), Lookup("miss", "none"), Lookup("miss", "new")),
                c.DelayExecution(Reason("WAITING_FOR_CPU", f"{self.random.randrange(2)}")),
                c.AssignExecution(attempt + 1, node_id, "i1", NODE_TYPES[node_id], self.now_us),
                c.StartExecution(attempt, node_id, self.now_us, "process"),
                c.FinishExecution(attempt, node_id, result, self.now_us),
                c.FinishExecution(attempt, node_id, result, self.now_us),
                c.LoseExecution(attempt, Reason("NODE_LOST", "It is gone."), self.now_us),
                *((c.CancelExecution("key:k1", self.now_us),) if self.random.random() < 0.3 else ()),
                c.RetryExecution("key:k1"),
            )
        )

    def _cost(self, ref: Ref) -> None:
        state: Execution = self.states.get(ref, Execution())
        bill = Ref(ref.account, "cost", ref.id)
        if state.job is not None:
            self.send(bill, settle(state) if state.phase == "finished" else estimate(state.job, "cx23", 2.5))

    def _node(self) -> None:
        node_id, incarnation = self.random.choice(NODES), f"i{self.random.randrange(3)}"
        commands = (
            node.JoinNode(
                incarnation, Offer(NODE_TYPES[node_id], 2000, 4 << 30, "process", ("python",), "1", {"a": "b"})
            ),
            node.LoseNode(incarnation, 35.5),
            node.LeaveNode(incarnation),
        )
        self.send(Ref("grid", "node", node_id), self.random.choice(commands))

    def _account(self) -> None:
        name, key = self.random.choice(ACCOUNTS), f"k{self.random.randrange(3)}"
        commands = (account.OpenAccount(name), account.IssueKey(key, "ee" * 32, "lap\x00top"), account.RevokeKey(key))
        self.send(Ref(name, "account", name), self.random.choice(commands))


def history(seed: int, steps: int = 150) -> list[Recorded]:
    world = World(seed)
    for _ in range(steps):
        world.step()
    return world.log


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
