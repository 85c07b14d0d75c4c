"""A batch's limit holds exactly: whatever fails, is retried or cancelled, and however many schedulers know how little."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.batch import commands as b
from domain.execution import commands as c
from tests.services.scheduler.rehearsal import Log, Scheduling, batch

STEPS_MAX = 250
WEIGHTS = {
    "fold": 6,
    "decide": 6,
    "send": 8,
    "unanswered": 1,
    "end": 3,
    "fail": 3,
    "lose": 2,
    "cancel": 1,
    "retry": 5,
    "time": 3,
    "restart": 1,
    "single": 0.2,
    "halt": 0.1,
    "round": 0.3,
}
"""What may happen, and how often."""


class Rehearsal:
    """A batch of 6 with a limit, on a node that has room for all of them, and three schedulers."""

    def __init__(self, random: Random) -> None:
        self.random, self.log = random, Log()
        self.parallel, self.singles = random.randint(1, 4), 0
        self.log.join(cpu=6000)
        self.members = self.log.fan_out("b", 6, parallel=self.parallel, retries=random.randint(0, 2))
        self.schedulers = [Scheduling(self.log) for _ in range(3)]

    def step(self) -> None:
        """Something happens."""
        (what,) = self.random.choices([*WEIGHTS], weights=[*WEIGHTS.values()])
        scheduler, number = self.random.choice(self.schedulers), self.random.randint(0, 30)
        member = self.random.choice(self.members)
        one = self.random.choice(sorted(self.log.leased["b"], key=str) or [member])
        batch_state: Any = self.log.state(batch("b"))
        match what:
            case "fold":
                scheduler.fold(number)
            case "decide":
                scheduler.decide()
            case "send" | "unanswered" if scheduler.sent:
                scheduler.send(number, answered=what == "send")
            case "end" | "fail" | "lose":
                self.log.end(one, {"end": "succeeded", "fail": "failed", "lose": "lost"}[what])
            case "cancel":
                self.log.do(member, c.CancelExecution("me", self.log.now_us))
            case "retry":
                self.log.do(member, c.RetryExecution("me"))
            case "time":
                scheduler.now += number
            case "restart":
                scheduler.restart(max(0, len(self.log.commits) - number))
            case "single":
                self.singles += 1
                self.log.submit(f"single{self.singles}", priority=number % 3)
            case "halt":
                self.log.do(batch("b"), b.CancelBatch("me"))
            case "round":
                self.log.do(batch("b"), b.RetryBatch(("failed",), "me", batch_state.round))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_never_more_than_asked_hold_a_lease(seed: int) -> None:
    rehearsal = Rehearsal(Random(seed))
    for _ in range(STEPS_MAX):
        rehearsal.step()
        assert len(rehearsal.log.leased["b"]) <= rehearsal.parallel
    for scheduler in rehearsal.schedulers:
        check_sums(scheduler)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, STEPS_MAX))
def test_no_slot_is_lost_whatever_came_before(seed: int, steps: int) -> None:
    rehearsal = Rehearsal(Random(seed))
    for _ in range(steps):
        rehearsal.step()
    for scheduler in rehearsal.schedulers * 3:
        while scheduler.sent:
            scheduler.send()
        scheduler.now += 100
        scheduler.place()
    log, scheduler = rehearsal.log, rehearsal.schedulers[0]
    scheduler.fold()
    assert not scheduler.board.reserved
    check_sums(scheduler)
    if log.state(batch("b")).halted:
        return
    waiting = sum(log.state(ref).phase == "queued" for ref in rehearsal.members)
    held = len(scheduler.board.held.of_account("a"))
    assert len(log.leased["b"]) == rehearsal.parallel or not waiting or held == 6


def check_sums(scheduler: Scheduling) -> None:
    """What is held is what stands there."""
    board = scheduler.board
    held = [each for each in board.open.values() if each.state.leased or each.ref in board.reserved]
    assert board.held.of_account("a").cpu_millis == sum(each.limits.cpu_millis for each in held)
    assert len(board.held.of_account("a")) == len(held)
    for group in {each.group for each in board.open.values()}:
        assert len(board.held.of_group(group)) == sum(each.group == group for each in held)
