"""Batches that stop, finish and go again, by schedulers that run over a log; and what holds when one begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.batch import commands as b
from domain.batch import events as be
from domain.batch.members import member_id
from domain.cost.events import CostFinalized
from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.events import Reason
from services.runtime.log import Recorded, Ref
from services.scheduler import SERVICE
from tests.services.scheduler.rehearsal import HIT, Log, Scheduling, batch, job
from tests.services.scheduler.running import Remembered, running, until
from tests.services.scheduler.test_placing import JOINED
from tests.services.shell import NOW, Bench

BATCH = batch("b")


def started(count: int, cpu: int = 2000, **how: Any) -> tuple[Log, Scheduling, list[Ref]]:
    log = Log()
    log.join(cpu=cpu)
    members = log.fan_out("b", count, **how)
    scheduler = Scheduling(log)
    scheduler.place()
    return log, scheduler, members


def due(scheduler: Scheduling) -> Any:
    scheduler.fold()
    return scheduler.board.batches.known[BATCH].due()


def test_no_member_starts_once_enough_have_failed_nor_once_it_is_stopped() -> None:
    log, scheduler, members = started(10, failures_max=2)
    log.end(members[0], "failed")
    assert len(scheduler.place()) == 1
    log.end(members[1], "timed_out")
    assert scheduler.place() == []
    command = due(scheduler)
    assert (type(command), command.failures, command.round) == (b.StopBatch, 2, 0)
    log.do(BATCH, command)
    assert scheduler.place() == []
    assert due(scheduler) is None


def test_a_member_that_failed_twice_counts_once_and_not_once_it_goes_again() -> None:
    log, scheduler, members = started(10, failures_max=2)
    log.end(members[0], "failed")
    log.do(members[0], c.RetryExecution("me"))
    scheduler.fold()
    assert scheduler.board.batches.known[BATCH].failed == set()
    log.end(members[1], "failed")
    assert due(scheduler) is None


def halted(command: Any) -> tuple[Log, Scheduling, list[Ref]]:
    """Members 0 and 1 ran when it was decided; 0 has another attempt, 1 was lost, 2 was retried by a person, 3 waits."""
    log, scheduler, members = started(4, retries=1)
    log.do(BATCH, command)
    log.end(members[0], "failed")
    log.end(members[1], "lost")
    log.do(members[2], c.CancelExecution("me", NOW))
    log.do(members[2], c.RetryExecution("me"))
    scheduler.fold()
    log.now_us += 600 * 10**6
    scheduler.now += 600
    return log, scheduler, members


def test_of_a_stopped_batch_who_ran_goes_on_to_the_end_and_who_was_retried_starts() -> None:
    _, scheduler, members = halted(b.StopBatch(Reason("FAILURES_MAX", "enough"), 1, 0))
    placed = scheduler.place()
    assert set(placed) | set(scheduler.place()) <= set(members[:3])
    assert len(placed) == 2


def test_of_a_cancelled_batch_only_who_was_retried_starts() -> None:
    for stop in (None, b.StopBatch(Reason("FAILURES_MAX", "enough"), 1, 0)):
        log, scheduler, members = halted(b.CancelBatch("me"))
        if stop is not None:
            log.do(BATCH, stop)
        assert scheduler.place() == [members[2]]


def test_a_retry_that_was_decided_before_the_halt_starts_nobody_however_late_it_is_carried_out() -> None:
    log, scheduler, members = started(2)
    for ref in members:
        log.end(ref, "failed")
    scheduler.fold()
    log.do(BATCH, due(scheduler))
    retried = log.do(BATCH, b.RetryBatch(("failed",), "me", 0))
    log.do(BATCH, b.CancelBatch("me"))
    log.do(members[0], c.RetryExecution("me"), cause=retried)
    log.do(members[1], c.RetryExecution("me"))
    assert scheduler.place() == [members[1]]


def test_a_member_of_a_finished_batch_starts_when_it_is_retried_by_itself() -> None:
    log, scheduler, members = started(2, parallel=1)
    log.do(BATCH, b.CancelBatch("me"))
    for ref in members:
        log.do(ref, c.CancelExecution("me", NOW))
        log.end(ref, "cancelled")
    scheduler.fold()
    log.do(BATCH, due(scheduler))
    for ref in reversed(members):
        log.do(ref, c.RetryExecution("me"))
    assert scheduler.place() == [members[1]]


def test_it_is_finished_when_all_have_ended_and_not_before_all_are_there() -> None:
    log, scheduler, members = started(2, expand=False)
    for ref, how in zip(members, ("succeeded", "failed"), strict=True):
        log.end(ref, how)
    assert due(scheduler) is None
    log.do(BATCH, b.ExpandBatch(2))
    assert due(scheduler) == b.FinishBatch({"failed": 1, "succeeded": 1}, 0)
    log.do(BATCH, due(scheduler))
    assert due(scheduler) is None


def test_it_is_finished_when_those_have_ended_that_could_be_written() -> None:
    log, scheduler, members = started(2, expand=False)
    log.do(BATCH, b.ExpandBatch(1))
    log.end(members[0])
    assert due(scheduler) == b.FinishBatch({"succeeded": 1}, 0)


def test_one_of_which_nothing_could_be_written_is_finished() -> None:
    log = Log()
    log.do(BATCH, b.SubmitBatch(be.MemberList("0" * 64, 1, 3), job(), "f"))
    log.do(BATCH, b.StopBatch(Reason("MEMBERS_LOST", "gone"), 0, 0), b.ExpandBatch(0))
    scheduler = Scheduling(log)
    assert due(scheduler) == b.FinishBatch({}, 0)


def test_a_retry_of_some_begins_a_round_that_finishes_when_they_have_ended() -> None:
    log, scheduler, members = started(3)
    for ref, how in zip(members, ("succeeded", "failed", "lost"), strict=True):
        scheduler.place()
        log.end(ref, how)
        log.do(ref, c.CancelExecution("me", NOW))
    scheduler.fold()
    finish = due(scheduler)
    assert finish is not None
    log.do(BATCH, finish)
    scheduler.fold()
    log.do(BATCH, b.RetryBatch(("failed",), "me", 0))
    scheduler.fold()
    watched = scheduler.board.batches.known[BATCH]
    assert watched.incomplete
    rows = [(ref.id, log.state(ref).status, log.histories[ref][-1].position) for ref in members]
    scheduler.board.batches.fill(BATCH, rows, lambda id: False)
    assert due(scheduler) is None
    log.do(members[1], c.RetryExecution("me"))
    scheduler.fold()
    log.do(BATCH, b.ExpandBatch(3))
    assert scheduler.place() == [members[1]]
    assert due(scheduler) is None
    log.end(members[1])
    assert isinstance(due(scheduler), b.FinishBatch)
    assert due(scheduler).round == 1


async def given(bench: Bench, count: int, expand: bool = True, **how: Any) -> list[Ref]:
    """A batch in the log of a bench."""
    members = be.MemberList("0" * 64, 1, count)
    await bench.given(BATCH, be.BatchSubmitted(members, job(), "f", **how))
    refs = [Ref("a", "execution", member_id("a", "b", index)) for index in range(count)]
    cached = e.ExecutionCached(HIT, HIT, HIT)
    for index, ref in enumerate(refs):
        await bench.given(ref, e.ExecutionSubmitted(job(), "f", batch_id="b", member=str(index)), cached)
    if expand:
        await bench.given(BATCH, be.BatchExpanded(count))
    return refs


async def ended(bench: Bench, ref: Ref, status: str) -> None:
    await bench.given(ref, e.ExecutionFinished(1, e.AttemptResult(status, Reason(status, status))))


async def said(bench: Bench) -> list[Any]:
    return (await bench.events(BATCH))[1:]


async def test_one_that_begins_when_all_is_over_already_says_so() -> None:
    remembered = Remembered(batches=["b"])
    bench = Bench(SERVICE, remembered)
    refs = await given(bench, 3)
    for ref, status in zip(refs, ("succeeded", "lost", "succeeded"), strict=True):
        await ended(bench, ref, status)
    remembered.at = await bench.log.last_position()
    remembered.ended["b"] = [
        (ref.id, bench_status, 9) for ref, bench_status in zip(refs, ("succeeded", "lost", "succeeded"), strict=True)
    ]
    async with running(bench, {}) as scheduler:
        await until(lambda: scheduler.board.batches.known[BATCH].state.phase == "finished")
    assert (await said(bench))[-1] == be.BatchFinished({"lost": 1, "succeeded": 2})


async def test_one_that_begins_and_has_only_bills_to_read_says_that_all_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What lies between the read models and the end of the log stirs nobody, and the batch is looked at all the same."""
    remembered = Remembered(batches=["b"])
    bench = Bench(SERVICE, remembered)
    (ref,) = await given(bench, 1)
    await ended(bench, ref, "succeeded")
    remembered.at = await bench.log.last_position()
    remembered.ended["b"] = [(ref.id, "succeeded", remembered.at)]
    await bench.given(Ref("a", "cost", ref.id), CostFinalized((), 0, 0, 0, "v1"))
    follow = bench.log.follow

    async def later(position: int) -> AsyncIterator[list[Recorded]]:
        """A server answers after the scheduler has looked at its board for the first time."""
        await asyncio.sleep(0.05)
        async for page in follow(position):
            yield page

    monkeypatch.setattr(bench.log, "follow", later)
    async with running(bench, {}) as scheduler:
        await until(lambda: scheduler.board.batches.known[BATCH].state.phase == "finished")
    assert (await said(bench))[-1] == be.BatchFinished({"succeeded": 1})


async def test_one_that_begins_when_enough_have_failed_starts_nothing_and_stops_it() -> None:
    refs_ids = [member_id("a", "b", index) for index in range(3)]
    remembered = Remembered(*refs_ids[1:], batches=["b"])
    bench = Bench(SERVICE, remembered)
    refs = await given(bench, 3, failures_max=1)
    await ended(bench, refs[0], "failed")
    remembered.at = await bench.log.last_position()
    remembered.ended["b"] = [(refs_ids[0], "failed", remembered.at)]
    async with running(bench, {"n1": JOINED}) as scheduler:
        await until(lambda: scheduler.board.batches.known[BATCH].state.stopped is not None)
        assert not any(entry.state.leased for entry in scheduler.board.open.values())
    stopped = (await said(bench))[-1]
    assert (stopped.failures, stopped.reason.code) == (1, "FAILURES_MAX")
    assert [len(await bench.events(ref)) for ref in refs[1:]] == [2, 2]


async def test_a_finished_batch_that_is_retried_finishes_again() -> None:
    """Its ends are asked of the read models: a board forgets what has finished."""
    remembered = Remembered()
    bench = Bench(SERVICE, remembered)
    refs = await given(bench, 2)
    for ref, status in zip(refs, ("succeeded", "failed"), strict=True):
        await ended(bench, ref, status)
    await bench.given(BATCH, be.BatchFinished({"failed": 1, "succeeded": 1}))
    remembered.at = await bench.log.last_position()
    remembered.ended["b"] = [(refs[0].id, "succeeded", 7), (refs[1].id, "failed", 8)]
    async with running(bench, {"n1": JOINED}) as scheduler:
        await until(lambda: scheduler.board.nodes != {})
        await bench.given(BATCH, be.BatchRetried(("failed",), "me"))
        await bench.given(refs[1], e.ExecutionRetried("me"))
        await bench.given(BATCH, be.BatchExpanded(2))
        await until(lambda: scheduler.board.open[refs[1]].state.leased)
        await ended(bench, refs[1], "succeeded")
        await until(lambda: scheduler.board.batches.known[BATCH].state.phase == "finished")
    assert (await said(bench))[-1] == be.BatchFinished({"succeeded": 2})


async def test_a_limit_holds_for_schedulers_that_begin_while_others_place() -> None:
    """None of them places by a board that is behind the log."""
    ids = [member_id("a", "b", index) for index in range(6)]
    remembered = Remembered(*ids, batches=["b"])
    bench = Bench(SERVICE, remembered)
    refs = await given(bench, 6, parallel=2)
    async with running(bench, {"n1": JOINED}) as first:
        await until(lambda: sum(entry.state.leased for entry in first.board.open.values()) == 2)
        async with running(bench, {"n2": JOINED}) as second:
            await until(lambda: sum(entry.state.leased for entry in second.board.open.values()) == 2)
            await ended(bench, refs[0], "succeeded")
            await until(lambda: first.board.open[refs[2]].state.leased and second.board.open[refs[2]].state.leased)
            leased = [ref for ref in refs if (await bench.context().load(ref))[0].leased]
            assert leased == refs[1:3]
