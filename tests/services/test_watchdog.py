"""The watchdog: who fell silent, what nobody holds, what was left behind; its own sleep is not mistaken for theirs."""

from __future__ import annotations

from typing import Any

from domain.cost.events import CostFinalized
from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef
from domain.node import events as n
from domain.node.offer import Offer
from services.runtime.log import Ref
from services.runtime.messages import CancelWork, Heartbeat
from services.watchdog import SERVICE
from services.watchdog.redrive import redrive
from services.watchdog.silence import TICK_SECONDS_MAX, UNLISTED_SECONDS, Silence
from tests.services.shell import NOW, Bench

NODE, RUN = Ref("grid", "node", "n1"), Ref("a", "execution", "exec_x")
JOINED = n.NodeJoined("i1", Offer("local", 2000, 1 << 33, "bubblewrap", ("python",)))
HIT = e.Lookup("hit", "known")
QUEUED = (e.ExecutionSubmitted(Job("python", FileRef("a.py", "0" * 64, 1)), "f"), e.ExecutionCached(HIT, HIT, HIT))
RUNNING = (*QUEUED, e.ExecutionAssigned(1, "n1", "i1", "local", NOW), e.ExecutionStarted(1, "n1", NOW))
BEAT = Heartbeat("i1", NOW, (("a", "exec_x", 1),))
DONE = e.ExecutionFinished(1, e.AttemptResult("succeeded", e.Reason("OK", "ok")), 2_000_000)


class Rows:
    """What the read models say; told by the test."""

    def __init__(self) -> None:
        self.joined: dict[str, n.NodeJoined] = {"n1": JOINED}
        self.lost: dict[str, n.NodeJoined] = {}
        self.leased: dict[str, list[tuple[str, str]]] = {"n1": [("a", "exec_x")]}
        self.unresolved: list[tuple[str, str]] = []
        self.unsettled: list[tuple[str, str]] = []

    async def nodes_joined(self) -> dict[str, n.NodeJoined]:
        return self.joined

    async def nodes_lost(self) -> dict[str, n.NodeJoined]:
        return self.lost

    async def leased_executions(self) -> dict[str, list[tuple[str, str]]]:
        return self.leased

    async def unresolved_executions(self, before_us: int) -> list[tuple[str, str]]:
        return self.unresolved

    async def unsettled_executions(self, before_us: int) -> list[tuple[str, str]]:
        return self.unsettled


class Watch:
    """A watchdog over a log in memory, and a clock that only we move."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.bench = Bench(SERVICE, self.rows)
        self.now = 1000.0
        self.silence = Silence(self.bench.context(), lambda: self.now)

    async def given(self, *events: Any) -> Watch:
        await self.bench.given(NODE, JOINED)
        await self.bench.given(RUN, *events)
        return self

    async def passes(self, seconds: float, beating: Heartbeat | None = None) -> None:
        """Ticks of a second, with a beat before each."""
        for _ in range(int(seconds)):
            self.now += 1.0
            if beating is not None:
                self.silence.heard("n1", beating)
            await self.silence.tick()

    async def ends(self, ref: Ref = RUN) -> list[str]:
        return [type(event).__name__ for event in await self.bench.events(ref)]


async def test_a_silent_node_is_lost_with_all_it_holds() -> None:
    watch = await Watch().given(*RUNNING)
    watch.silence.heard("n1", BEAT)
    await watch.passes(35)
    assert len(await watch.ends(NODE)) == 1
    await watch.passes(1)
    assert isinstance((await watch.bench.events(NODE))[-1], n.NodeLost)
    (lost,) = (await watch.bench.events(RUN))[len(RUNNING) :]
    assert isinstance(lost, e.ExecutionAttemptFailed)
    assert (lost.platform, lost.result.reason.code) == (True, "NODE_LOST")


async def test_a_beating_node_keeps_what_it_holds() -> None:
    watch = await Watch().given(*RUNNING)
    await watch.passes(200, BEAT)
    assert (len(await watch.ends()), len(await watch.ends(NODE))) == (len(RUNNING), 1)


async def test_a_watchdog_that_could_not_hear_loses_nobody() -> None:
    watch = await Watch().given(*RUNNING)
    watch.silence.heard("n1", BEAT)
    watch.now += 40.0
    watch.silence.forgive()  # what a reconnect calls
    await watch.silence.tick()
    watch.now += 3600.0  # and a machine that slept
    await watch.silence.tick()
    await watch.passes(34)
    assert (len(await watch.ends()), len(await watch.ends(NODE))) == (len(RUNNING), 1)
    await watch.passes(2)
    assert len(await watch.ends(NODE)) == 2


async def test_work_that_its_node_does_not_know_is_lost_after_a_while() -> None:
    watch = await Watch().given(*RUNNING)
    watch.bench.pending = True
    await watch.passes(UNLISTED_SECONDS + 5, Heartbeat("i1", NOW))
    assert len(await watch.ends()) == len(RUNNING)
    watch.bench.pending = False
    await watch.passes(1, Heartbeat("i1", NOW))
    last = (await watch.bench.events(RUN))[-1]
    assert isinstance(last, e.ExecutionAttemptFailed) and last.result.reason.code == "WORK_LOST"


async def test_a_node_that_works_without_a_lease_is_told_to_stop() -> None:
    watch = await Watch().given(*QUEUED, e.ExecutionAssigned(1, "n2", "i2", "local", NOW))
    await watch.passes(1, BEAT)
    assert watch.bench.work == [("n1", CancelWork("a", "exec_x", 1, cause="stale"))]


async def test_a_node_that_just_reported_the_end_is_not_told_to_stop() -> None:
    watch = await Watch().given(*RUNNING, DONE)
    watch.rows.leased = {}
    await watch.passes(1, BEAT)
    assert watch.bench.work == []


async def test_a_beat_that_names_nonsense_disturbs_nobody() -> None:
    watch = await Watch().given(*RUNNING)
    await watch.passes(2, Heartbeat("i1", NOW, (("a", "no such.*", 1), ("a", "exec_x", 1))))
    assert len(await watch.ends()) == len(RUNNING)


async def test_a_node_that_was_given_up_and_beats_again_joins_again() -> None:
    watch = await Watch().given(*QUEUED)
    await watch.bench.given(NODE, n.NodeLost("i1", 40.0))
    watch.rows.joined, watch.rows.lost, watch.rows.leased = {}, {"n1": JOINED}, {}
    watch.silence.heard("n1", Heartbeat("an earlier life", NOW))
    await watch.passes(1)
    watch.now += TICK_SECONDS_MAX + 1
    await watch.passes(1)
    assert (await watch.ends(NODE))[-1] == "NodeLost"
    await watch.passes(1, Heartbeat("i1", NOW))
    assert (await watch.bench.events(NODE))[-1] == JOINED


async def test_what_was_left_behind_is_done_and_one_failure_stops_no_other() -> None:
    watch = await Watch().given(*RUNNING, DONE)
    broken, waiting = Ref("a", "execution", "exec_broken"), Ref("a", "execution", "exec_waiting")
    unpriced = e.ExecutionAssigned(1, "n1", "i1", "cx999", NOW)
    await watch.bench.given(broken, *QUEUED, unpriced, e.ExecutionStarted(1, "n1", NOW), DONE)
    await watch.bench.given(waiting, QUEUED[0])
    watch.rows.unresolved = [("a", "exec_none"), ("a", "exec_waiting")]
    watch.rows.unsettled = [("a", "exec_broken"), ("a", "exec_x")]
    await redrive(watch.bench.context())
    (bill,) = await watch.bench.events(Ref("a", "cost", "exec_x"))
    assert isinstance(bill, CostFinalized) and bill.charges[0].held_us == 2_000_000
    assert await watch.ends(waiting) == ["ExecutionSubmitted", "ExecutionCached"]
