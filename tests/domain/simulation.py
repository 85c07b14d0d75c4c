"""One execution among two schedulers, two nodes, foreman, watchdog, meter and a person, all of them late, twice or dead.

Everything that happens follows from the seed. `python -m tests.domain.simulation SEED` tells a history again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from domain.catalog import COST, EXECUTION
from domain.cost.settlement import settle
from domain.execution import commands as c
from domain.execution import events as e
from tests.domain.history import Handling, Log
from tests.domain.sample import JOB, NOW, RESOLVE, RETRY, SECOND, SUBMIT, lose

NODES = ("n1", "n2")
CHAOS_STEPS = 220
QUIET_STEPS = 300
RETRIES_BY_HAND = 3


@dataclass(frozen=True)
class Fact:
    """What a runner reports; `status` is empty for a start."""

    node: str
    attempt: int
    status: str = ""


class World:
    """Everybody's knowledge, and the messages between them."""

    def __init__(self, seed: int, guarded: bool = True) -> None:
        self.random = Random(seed)
        self.now_us = NOW
        self.log, self.bill = Log(EXECUTION, guarded), Log(COST, guarded)
        self.under_way: list[Handling] = []
        self.inbox: dict[str, list[int]] = {node: [] for node in NODES}
        self.journal: dict[str, dict[int, bool]] = {node: {} for node in NODES}
        self.facts: list[Fact] = []
        self.doubts = self.random.choice((0, 1, 6))
        self.retries = self.random.randrange(RETRIES_BY_HAND + 1)
        self.job = replace(JOB, retries=self.random.randrange(3))
        for command in (replace(SUBMIT, job=self.job), RESOLVE):
            self.log.append(EXECUTION.decide(self.log.state, command), len(self.log.states) - 1)

    def run(self) -> World:
        """Chaos for a while, then everybody does their duty until nothing is left to do."""
        often = (self.handle, self.handle, self.handle, self.handle, self.schedule, self.work, self.report)
        seldom = (self.crash, self.interfere, self.charge, self.wait, *[self.doubt] * self.doubts)
        for _ in range(CHAOS_STEPS):
            self.random.choice(often + seldom if self.random.random() < 0.5 else often)()
        for _ in range(QUIET_STEPS):
            if self.settled():
                return self
            for act in (self.wait, self.schedule, self.work, self.report, self.charge, self.miss):
                act()
                while self.under_way:
                    self.handle()
        return self

    def settled(self) -> bool:
        return self.log.state.phase == "finished" and self.bill.state.settled_attempt == len(self.log.state.spans)

    def seen(self) -> Any:
        """The execution as a projection has it: now, or a few commits ago."""
        return self.random.choice(self.log.states[-4:])

    def send(self, log: Log, command: Any, then: Callable[[list[Any]], None] = lambda events: None) -> None:
        self.under_way.append(Handling(log, command, then))

    def handle(self) -> None:
        if self.under_way:
            handling = self.random.choice(self.under_way)
            if handling.advance():
                self.under_way.remove(handling)

    def wait(self) -> None:
        self.now_us += self.random.randrange(20) * SECOND

    def schedule(self) -> None:
        """Either scheduler, on whatever it knows; work goes out once the lease is in the log, and again if in doubt."""
        state = self.seen()
        if state.phase == "queued":
            node, attempt = self.random.choice(NODES), state.attempt + 1
            command = c.AssignExecution(attempt, node, f"life of {node}", "local", self.now_us)
            self.send(self.log, command, lambda events: self.inbox[node].append(attempt) if events else None)
        elif state.phase == "assigned":
            self.inbox[state.node_id].append(state.attempt)

    def work(self) -> None:
        """A runner takes work (once per attempt), starts it, or brings it to an end; it knows of no lease."""
        node = self.random.choice(NODES)
        journal = self.journal[node]
        if self.inbox[node]:
            attempt = self.inbox[node].pop(0)
            if attempt not in journal:
                journal[attempt] = True
                self.facts.append(Fact(node, attempt))
        held = [attempt for attempt, runs in journal.items() if runs]
        if held and self.random.random() < 0.5:
            attempt = self.random.choice(held)
            journal[attempt] = False
            ends = ("cancelled",) if self.seen().cancelling else ("succeeded", "failed", "timed_out", "failed")
            self.facts += [Fact(node, attempt, self.random.choice(ends))] * self.random.choice((1, 1, 2))

    def crash(self) -> None:
        """A runner dies. It comes back and calls lost what its journal says it held."""
        node = self.random.choice(NODES)
        for attempt, runs in self.journal[node].items():
            if runs:
                self.journal[node][attempt] = False
                self.facts.append(Fact(node, attempt, "lost"))

    def report(self) -> None:
        """The foreman takes a fact, in any order, and sometimes once more."""
        if not self.facts:
            return
        fact = self.random.choice(self.facts)
        if self.random.random() < 0.7:
            self.facts.remove(fact)
        if not fact.status:
            self.send(self.log, c.StartExecution(fact.attempt, fact.node, self.now_us, "process"))
            return
        marks = e.Usage(cpu_ms=fact.attempt, wall_ms=NODES.index(fact.node))
        reason = e.Reason(fact.status.upper(), f"It {fact.status}.")
        result = e.AttemptResult(fact.status, reason, started_at_us=NOW, ended_at_us=self.now_us, usage=marks)
        self.send(self.log, c.FinishExecution(fact.attempt, fact.node, result, self.now_us))

    def doubt(self) -> None:
        """The watchdog gives up a node, rightly or not: what runs there goes on as a zombie."""
        state = self.seen()
        if state.leased:
            self.send(self.log, replace(lose(state.attempt), now_us=self.now_us))

    def miss(self) -> None:
        """The watchdog, in quiet times, gives up only what nobody holds any more."""
        state = self.log.state
        held = self.journal.get(state.node_id, {}).get(state.attempt, False) or state.attempt in self.inbox.get(
            state.node_id, []
        )
        told = any(fact.attempt == state.attempt for fact in self.facts)
        if state.leased and not held and not told and not self.under_way and state.phase == "running":
            self.send(self.log, replace(lose(state.attempt), now_us=self.now_us))

    def interfere(self) -> None:
        """The person cancels, submits again, or retries what has ended (or had, when they looked)."""
        if self.seen().phase == "finished" and self.retries > 0:
            self.retries -= 1
            self.send(self.log, RETRY)
        elif self.random.random() < 0.1:
            command = self.random.choice((replace(SUBMIT, job=self.job), c.CancelExecution("me", self.now_us)))
            self.send(self.log, command)

    def charge(self) -> None:
        """The meter, on whatever it knows."""
        state = self.seen()
        if state.phase == "finished":
            self.send(self.bill, settle(state))


def check(world: World) -> None:
    """What must hold of every history, whatever happened."""
    assigned: dict[int, str] = {}
    ended: set[int] = set()
    over, failures = False, 0
    for event in world.log.events:
        match event:
            case e.ExecutionAssigned():
                assert not over, "assigned after the end"
                assert event.attempt == len(assigned) + 1, "assigned twice or out of turn"
                assert len(ended) == len(assigned), "two attempts hold the lease"
                assigned[event.attempt] = event.node_id
            case e.ExecutionStarted():
                assert assigned[event.attempt] == event.node_id, "started by who does not hold the lease"
                assert event.attempt not in ended, "started after its end"
            case e.ExecutionAttemptFailed() | e.ExecutionFinished():
                assert not over, "two results were accepted"
                over = isinstance(event, e.ExecutionFinished)
                failures += isinstance(event, e.ExecutionAttemptFailed) and not event.platform
                assert failures <= world.job.retries, "more attempts than the person allowed"
                marks = event.result.usage
                if marks.cpu_ms:
                    holder = (event.attempt, assigned[event.attempt])
                    assert holder == (marks.cpu_ms, NODES[marks.wall_ms]), "a zombie's result was accepted"
                    assert event.attempt not in ended, "an attempt ended twice"
                ended |= {event.attempt} & assigned.keys()
            case e.ExecutionRetried():
                assert over, "retried before the end"
                over, failures = False, 0
    assert world.log.state.phase == "finished", "stuck"
    charges = [charge for event in world.bill.events for charge in event.charges]
    assert [charge.attempt for charge in charges] == sorted(ended), "not one charge for every attempt"
    assert world.settled(), "not settled"
    assert world.bill.state.equivalent_total_micros == sum(charge.equivalent_micros for charge in charges)


if __name__ == "__main__":
    told = World(int(sys.argv[1])).run()
    print(*told.log.events, *told.bill.events, sep="\n")
    check(told)
