"""Schedulers over a real log, two at a time, killed and begun anew while a batch runs: its limit holds in what the log says."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import reduce
from random import Random
from typing import Any

from domain.batch import events as be
from domain.batch.decider import AGGREGATE
from domain.batch.members import member_id
from domain.execution import events as e
from domain.execution.commands import FinishExecution
from domain.execution.state import INITIAL, evolve
from services.runtime.bus import Bus
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Commit, Ref
from services.runtime.service import Context, Shell
from services.scheduler import SERVICE, Scheduler
from tests.services.scheduler.rehearsal import HIT, job
from tests.services.scheduler.running import Remembered
from tests.services.scheduler.test_placing import JOINED

MEMBERS, PARALLEL = 150, 3
BATCH = Ref("a", AGGREGATE, "b")
WIDE = replace(JOINED, offer=replace(JOINED.offer, cpu_millis=8000))


async def submit(log: JetStreamLog) -> list[Ref]:
    """A batch with all its members, as the steward writes it."""
    refs = [Ref("a", "execution", member_id("a", "b", index)) for index in range(MEMBERS)]
    what = be.BatchSubmitted(be.MemberList("0" * 64, 1, MEMBERS), job(), "f", parallel=PARALLEL)
    position = await log.append(Commit(BATCH, "submit", 1, "test", (what,)), 0)
    cached = e.ExecutionCached(HIT, HIT, HIT)
    commits = []
    for number, ref in enumerate(refs):
        submitted = e.ExecutionSubmitted(job(retries=2), "f", batch_id="b", member=str(number))
        commits.append((Commit(ref, "submit", 1, "test", (submitted, cached)), 0))
    await log.append_all(commits)
    await log.append(Commit(BATCH, "expand", 1, "test", (be.BatchExpanded(MEMBERS),)), position)
    await log.append(Commit(Ref("grid", "node", "n1"), "join", 1, "test", (WIDE,)), 0)
    return refs


async def run_what_is_assigned(log: JetStreamLog, random: Random, finished: asyncio.Event) -> None:
    """Stands for the nodes: ends every attempt, well or badly. Until the batch has finished."""
    handler = Handler(log)
    async for commits in log.follow(0):
        for recorded in commits:
            event = recorded.commit.events[-1]
            if isinstance(event, be.BatchFinished):
                finished.set()
            if not isinstance(event, e.ExecutionAssigned):
                continue
            status = random.choice(["succeeded", "succeeded", "succeeded", "failed", "lost"])
            result = e.AttemptResult(status, e.Reason(status.upper(), status))
            # In the past, so that the pause before the next attempt is over.
            finish: Any = FinishExecution(event.attempt, event.node_id, result, 1)
            await handler.handle(recorded.commit.ref, finish, command_id=f"end{recorded.position}", actor="test")


async def remembered(log: JetStreamLog, at: int) -> Remembered:
    """What the read models know at position `at`."""
    states: dict[Ref, tuple[Any, int]] = {}
    async for commits in log.read(until=at):
        for recorded in commits:
            ref = recorded.commit.ref
            if ref.aggregate == "execution":
                state = reduce(evolve, recorded.commit.events, states.get(ref, (INITIAL, 0))[0])
                states[ref] = state, recorded.position
    known = Remembered(*(ref.id for ref, (state, _) in states.items() if state.open), batches=["b"], at=at)
    known.ended["b"] = [(ref.id, state.status, end) for ref, (state, end) in states.items() if not state.open]
    return known


async def most_at_once(log: JetStreamLog) -> int:
    """How many members held a lease at the same time, at most, by the log."""
    leased: dict[Ref, bool] = {}
    most = 0
    async for commits in log.read():
        for recorded in commits:
            if recorded.commit.ref.aggregate == "execution":
                leased[recorded.commit.ref] = isinstance(recorded.commit.events[-1], e.ExecutionAssigned)
                most = max(most, sum(leased.values()))
    return most


async def test_a_limit_holds_while_schedulers_come_and_go(bus: Bus) -> None:
    random, log, finished = Random(7), JetStreamLog(bus), asyncio.Event()
    refs = await submit(log)

    async def come_and_go() -> None:
        while not finished.is_set():
            last = await log.last_position()
            known = await remembered(log, random.randint(max(MEMBERS + 2, last - 50), last))
            scheduler = Scheduler(Context(SERVICE, Shell(bus, Handler(log), known)))
            scheduler.board.nodes["n1"] = WIDE
            task = asyncio.create_task(scheduler.run())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(finished.wait(), random.random() / 2)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    nodes = asyncio.create_task(run_what_is_assigned(log, random, finished))
    try:
        async with asyncio.timeout(120):
            await asyncio.gather(come_and_go(), come_and_go())
    finally:
        nodes.cancel()
    assert await most_at_once(log) == PARALLEL
    histories = [await log.load(ref) for ref in refs]
    assert all(isinstance(each.commits[-1].commit.events[-1], e.ExecutionFinished) for each in histories)
    events = [event for each in (await log.load(BATCH)).commits for event in each.commit.events]
    (end,) = [event for event in events if isinstance(event, be.BatchFinished)]
    assert sum(end.counts.values()) == MEMBERS
