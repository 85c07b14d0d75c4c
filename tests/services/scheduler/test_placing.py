"""Who is placed, whom nobody holds up, and who is told why it waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.execution import events as e
from domain.execution.job import Job, Limits
from domain.execution.state import Execution
from domain.files import FileRef
from domain.node.events import NodeJoined
from domain.node.offer import Offer
from domain.placement import NodeRoom
from services.runtime.log import Ref
from services.scheduler import SERVICE, Scheduler
from services.scheduler.board import Board
from services.scheduler.explaining import EXPLAINED_MAX, STEADY_SECONDS, Explaining
from services.scheduler.placing import choose
from tests.services.shell import NOW, Bench

GIB = 1024**3
SCRIPT = FileRef("a.py", "0" * 64, 1)
JOINED = NodeJoined("i1", Offer("local", 2000, 8 * GIB, "bubblewrap", ("python",)))


class World:
    """A board with one node, and a clock that only we move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.board = Board(lambda: NOW, lambda: self.now)
        self.board.nodes["n1"] = JOINED
        self.explaining = Explaining(self.board)

    def wait(self, id: str, runtime: str = "python", cpu: int = 1000, position: int = 1, **state: Any) -> Ref:
        ref = Ref("a", "execution", id)
        job = Job(runtime, SCRIPT, limits=Limits(cpu, GIB))
        self.board.put(ref, Execution("queued", "queued", job, **state), position)
        return ref

    def chosen(self) -> list[str]:
        return [entry.ref.id for entry, _ in choose(self.board)]

    def told(self) -> list[tuple[str, str]]:
        """What it has to say; the board hears of it, as the log would tell it."""
        news = self.explaining.news()
        for entry, reason in news:
            self.board.put(entry.ref, replace(entry.state, delay=reason), entry.position + 1)
        return [(entry.ref.id, reason.code) for entry, reason in news]


@pytest.mark.parametrize("what", [{"cpu": 64_000}, {"runtime": "cobol"}])
def test_any_number_that_cannot_be_placed_holds_up_nobody(what: dict[str, Any]) -> None:
    world = World()
    for number in range(3000):
        world.wait(f"no{number}", priority=5, **what)
    world.wait("small")
    assert world.chosen() == ["small"]


def test_any_number_whose_time_has_not_come_holds_up_nobody() -> None:
    world = World()
    for number in range(3000):
        world.wait(f"later{number}", not_before_us=NOW + 1_000_000, script_failures=1)
    world.wait("now")
    world.board.wake()
    assert world.chosen() == ["now"]
    world.now += 1.0
    assert world.board.wake() is None
    assert len(world.chosen()) == 2


def test_a_clock_that_jumps_back_holds_up_no_retry() -> None:
    world = World()
    world.wait("a", not_before_us=NOW + 3600 * 1_000_000, script_failures=2)
    assert world.board.wake() == pytest.approx(2.0)
    world.now += 2.0
    world.board.wake()
    assert world.chosen() == ["a"]


def test_who_came_first_goes_first_also_between_lines_and_after_being_told_why() -> None:
    world = World()
    first, second = world.wait("a", cpu=1000), world.wait("b", cpu=900)
    world.now += 1.0
    for ref in (first, second):
        entry = world.board.open[ref]
        world.board.put(ref, replace(entry.state, delay=e.Reason("NO_NODES", "none")), 7)
    world.wait("c")
    assert world.chosen() == ["a", "b"]


def test_each_is_told_once_and_only_after_a_while() -> None:
    world = World()
    for number in range(EXPLAINED_MAX + 5):
        world.wait(f"x{number}", cpu=64_000)
    assert world.told() == []
    world.now += 1.0
    assert world.told() == [(f"x{number}", "TOO_LARGE") for number in range(EXPLAINED_MAX)]
    assert len(world.told()) == 5
    assert world.told() == []


def test_reasons_that_take_turns_are_not_repeated() -> None:
    world = World()
    world.board.nodes.clear()
    world.wait("x")
    world.now += 1.0
    assert world.told() == [("x", "NO_NODES")]
    for turn in range(30):
        cpu, memory = (0, 8 * GIB) if turn % 2 else (2000, 0)
        world.board.rooms = lambda c=cpu, m=memory: [NodeRoom("n1", "i1", "local", ("python",), 2000, 8 * GIB, c, m)]  # type: ignore[method-assign,misc]
        world.now += STEADY_SECONDS / 2
        assert world.told() == []
    world.now += STEADY_SECONDS
    assert world.told() == [("x", "WAITING_FOR_CPU")]


class Open:
    """The projection's word on what is open."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids

    async def position(self) -> int:
        return 0

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        return {"n1": JOINED}

    async def open_executions(self) -> list[tuple[str, str]]:
        return [("a", id) for id in self.ids]


async def test_two_schedulers_assign_an_execution_once_and_both_know_where_it_is() -> None:
    bench = Bench(SERVICE, Open("exec_x"))
    ref = Ref("a", "execution", "exec_x")
    hit = e.Lookup("hit", "known")
    await bench.given(ref, e.ExecutionSubmitted(Job("python", SCRIPT), "f"), e.ExecutionCached(hit, hit, hit))
    both = [Scheduler(bench.context()) for _ in range(2)]
    for scheduler, node in zip(both, ("n1", "n2"), strict=True):
        await scheduler.start()
        scheduler.board.nodes = {node: JOINED}
    async with asyncio.TaskGroup() as group:
        for scheduler in both:
            scheduler.place_all(group)
    assigned = [event for event in await bench.events(ref) if isinstance(event, e.ExecutionAssigned)]
    assert [event.attempt for event in assigned] == [1]
    assert {scheduler.board.open[ref].state.node_id for scheduler in both} == {assigned[0].node_id}


async def test_a_history_that_cannot_be_read_holds_up_no_other() -> None:
    bench = Bench(SERVICE, Open("exec_bad", "exec_good"))
    hit = e.Lookup("hit", "known")
    for id in ("exec_bad", "exec_good"):
        ref = Ref("a", "execution", id)
        await bench.given(ref, e.ExecutionSubmitted(Job("python", SCRIPT), "f"), e.ExecutionCached(hit, hit, hit))
    scheduler = Scheduler(bench.context())
    await scheduler.start()
    bench.log.put_raw(Ref("a", "execution", "exec_bad"), b"{}")
    async with asyncio.TaskGroup() as group:
        scheduler.place_all(group)
    good, bad = (Ref("a", "execution", f"exec_{name}") for name in ("good", "bad"))
    assert scheduler.board.open[good].state.phase == "assigned"
    assert bad not in scheduler.board.open
