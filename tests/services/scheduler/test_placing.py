"""Who is placed, whom nobody holds up, and who is told why it waits."""

from __future__ import annotations

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
from services.scheduler import SERVICE
from services.scheduler.board import Board
from services.scheduler.entry import Entry, Group
from services.scheduler.explaining import EXPLAINED_MAX, STEADY_SECONDS, Explaining
from services.scheduler.placing import choose
from tests.services.scheduler.running import Remembered, running, until
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

    def wait(self, id: str, runtime: str = "python", cpu: int = 1000, **state: Any) -> Ref:
        ref = Ref("a", "execution", id)
        job = Job(runtime, SCRIPT, limits=Limits(cpu, GIB))
        self.board.position += 1
        position = self.board.position
        waiting = Execution("queued", "queued", job, **state)
        self.board.put(Entry(ref, waiting, position, Group("a", "", "default"), position))
        return ref

    def tell(self, ref: Ref, reason: e.Reason) -> None:
        """As the log would."""
        entry = self.board.open[ref]
        self.board.put(replace(entry, state=replace(entry.state, delay=reason), position=entry.position + 1))

    def chosen(self) -> list[str]:
        return [entry.ref.id for entry, _ in choose(self.board)]

    def told(self) -> list[tuple[str, str]]:
        """What it has to say; the board hears of it."""
        news = self.explaining.news()
        for ref, reason in news:
            self.tell(ref, reason)
        return [(ref.id, reason.code) for ref, reason in news]


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
    world.board.lines.wake()
    assert world.chosen() == ["now"]
    world.now += 1.0
    assert world.board.lines.wake() is None
    assert len(world.chosen()) == 2


def test_a_clock_that_jumps_back_holds_up_no_retry() -> None:
    world = World()
    world.wait("a", not_before_us=NOW + 3600 * 1_000_000, script_failures=2)
    assert world.board.lines.wake() == pytest.approx(2.0)
    world.now += 2.0
    world.board.lines.wake()
    assert world.chosen() == ["a"]


def test_who_came_first_goes_first_also_between_lines_and_after_being_told_why() -> None:
    world = World()
    first, second = world.wait("a", cpu=1000), world.wait("b", cpu=900)
    world.now += 1.0
    for ref in (first, second):
        world.tell(ref, e.Reason("NO_NODES", "none"))
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


def queued(*ids: str) -> list[tuple[Ref, list[Any]]]:
    hit = e.Lookup("hit", "known")
    past = [e.ExecutionSubmitted(Job("python", SCRIPT), "f"), e.ExecutionCached(hit, hit, hit)]
    return [(Ref("a", "execution", id), list(past)) for id in ids]


async def test_two_schedulers_assign_an_execution_once_and_both_know_where_it_is() -> None:
    bench = Bench(SERVICE, Remembered("exec_x"))
    ((ref, past),) = queued("exec_x")
    await bench.given(ref, *past)
    async with running(bench, {"n1": JOINED}) as first, running(bench, {"n2": JOINED}) as second:
        both = (first, second)
        await until(lambda: all(each.board.open[ref].state.leased for each in both))
        assigned = [event for event in await bench.events(ref) if isinstance(event, e.ExecutionAssigned)]
        assert [event.attempt for event in assigned] == [1]
        assert {each.board.open[ref].state.node_id for each in both} == {assigned[0].node_id}
        await until(lambda: not any(each.board.reserved for each in both))
        assert sum(len(each.board.held.of_account("a")) for each in both) == 2


async def test_a_history_that_cannot_be_read_holds_up_no_other() -> None:
    bench = Bench(SERVICE, Remembered("exec_bad", "exec_good"))
    bad, good = queued("exec_bad", "exec_good")
    for ref, past in (bad, good):
        await bench.given(ref, *past)
    bench.log.put_raw(bad[0], b"{}")
    async with running(bench, {"n1": JOINED}) as scheduler:
        await until(lambda: scheduler.board.open[good[0]].state.phase == "assigned")
        assert bad[0] not in scheduler.board.open
