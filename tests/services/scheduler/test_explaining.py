"""A batch is told why its members wait, once for all of them."""

from __future__ import annotations

from typing import Any

from domain.batch import commands as b
from domain.execution import commands as c
from services.scheduler.explaining import EXPLAINED_MAX, STEADY_SECONDS, Explaining
from tests.services.scheduler.rehearsal import Log, Scheduling, batch


class Told:
    """A scheduler that explains, and writes into the log what it says."""

    def __init__(self, cpu: int = 2000) -> None:
        self.log = Log()
        self.log.join(cpu=cpu)
        self.scheduler = Scheduling(self.log)
        self.explaining = Explaining(self.scheduler.board)

    def after(self, seconds: float) -> list[tuple[str, str]]:
        """What is said then, to whom."""
        self.scheduler.place()
        self.explaining.news()
        self.scheduler.now += seconds
        self.scheduler.place()
        news = self.explaining.news()
        for ref, reason in news:
            delay: Any = b.DelayBatch(reason) if ref.aggregate == "batch" else c.DelayExecution(reason)
            self.log.do(ref, delay)
        self.scheduler.fold()
        return [(ref.id, reason.code) for ref, reason in news]


def test_ten_thousand_that_wait_are_one_event() -> None:
    told = Told()
    members = told.log.fan_out("b", 3000)
    assert told.after(1) == [("b", "WAITING_FOR_CPU")]
    before = len(told.log.commits)
    for ref in members[:50]:
        told.log.end(ref)
        assert told.after(STEADY_SECONDS) == []
    assert len(told.log.commits) == before + 2 * 50


def test_its_limit_is_named() -> None:
    told = Told(cpu=8000)
    told.log.fan_out("b", 30, parallel=3)
    assert told.after(1) == [("b", "BATCH_PARALLEL")]
    delay = told.log.state(batch("b")).delay
    assert "3 of its batch run at the same time, as asked with --parallel 3" in delay.message
    assert told.after(STEADY_SECONDS) == []


def test_another_reason_is_said_when_it_has_held_for_a_while() -> None:
    told = Told(cpu=4000)
    others = [told.log.submit(f"other{number}") for number in range(3)]
    told.scheduler.place()
    told.log.fan_out("b", 30, parallel=2)
    assert told.after(1) == [("b", "WAITING_FOR_CPU")]
    told.log.end(others[0])
    assert told.after(1) == []
    assert told.after(STEADY_SECONDS) == [("b", "BATCH_PARALLEL")]


def test_members_that_wait_for_a_retry_are_not_told_one_by_one() -> None:
    told = Told()
    for ref in told.log.fan_out("b", 2, retries=5):
        told.scheduler.place()
        told.log.end(ref, "failed")
    single = told.log.submit("single", retries=5)
    told.scheduler.place()
    told.log.end(single, "failed")
    assert told.after(0.1) == [("single", "WAITING_FOR_RETRY")]


def test_a_halted_batch_has_nothing_to_explain() -> None:
    told = Told()
    told.log.fan_out("b", 30)
    told.log.do(batch("b"), b.CancelBatch("me"))
    assert told.after(1) == []


def test_who_could_start_but_for_whom_a_node_is_kept_is_told_so() -> None:
    told = Told(cpu=1000)
    members = told.log.fan_out("b", 30, cpu=500)
    told.scheduler.place()
    told.log.submit("large", cpu=1000)
    told.log.end(members[0])
    assert sorted(told.after(1)) == [("b", "FAIR_SHARE"), ("large", "WAITING_FOR_CPU")]


def test_single_runs_are_told_each() -> None:
    told = Told()
    for number in range(EXPLAINED_MAX + 50):
        told.log.submit(f"s{number}")
    assert len(told.after(1)) == EXPLAINED_MAX
    assert len(told.after(1)) == 48
    assert told.after(1) == []
