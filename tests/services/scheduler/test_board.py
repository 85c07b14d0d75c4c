"""The scheduler's board: what waits, in which order, and what is free."""

from __future__ import annotations

from typing import Any

from domain.execution import events as e
from domain.execution.job import Job, Limits
from domain.files import FileRef
from domain.node.events import NodeJoined, NodeLost
from domain.node.offer import Offer
from services.runtime.log import Commit, Recorded, Ref
from services.scheduler.board import Board

GIB = 1024**3


class Story:
    """Commits at rising positions, each behind the one before it of the same aggregate, told to a board."""

    def __init__(self) -> None:
        self.board = Board()
        self.position = 0
        self.last: dict[Ref, int] = {}
        self.told: list[Recorded] = []

    def tell(self, ref: Ref, event: Any) -> bool:
        self.position += 1
        commit = Commit(ref, f"c{self.position}", self.position, "service:test", (event,))
        recorded = Recorded(self.position, self.last.get(ref, 0), commit)
        self.last[ref] = self.position
        self.told.append(recorded)
        return self.board.apply(recorded)

    def waiting(self) -> list[str]:
        """In the order in which they are placed."""
        entries = [entry for line in self.board.lines.standing.values() for entry in line.values()]
        entries = [entry for entry in entries if entry.ref not in self.board.reserved]
        return [entry.ref.id for entry in sorted(entries, key=lambda entry: (-entry.state.priority, entry.queued))]

    def free(self) -> tuple[int, int]:
        (room,) = self.board.rooms()
        return room.cpu_free_millis, room.memory_free_bytes


def execution(id: str) -> Ref:
    return Ref("local", "execution", id)


def submitted(priority: int = 0, cpu: int = 1000) -> e.ExecutionSubmitted:
    script = FileRef("a.py", "0" * 64, 1)
    return e.ExecutionSubmitted(
        Job("python", script, limits=Limits(cpu_millis=cpu, memory_bytes=GIB)), "f", priority=priority
    )


def cached() -> e.ExecutionCached:
    miss = e.Lookup("miss", "new")
    return e.ExecutionCached(miss, miss, miss)


def queued(story: Story, id: str, **how: int) -> Ref:
    ref = execution(id)
    story.tell(ref, submitted(**how))
    story.tell(ref, cached())
    return ref


NODE = Ref("grid", "node", "n1")
JOINED = NodeJoined("i1", Offer("local", 2000, 4 * GIB, "bubblewrap", ("python",)))


def finished(attempt: int = 1) -> e.ExecutionFinished:
    return e.ExecutionFinished(attempt, e.AttemptResult("succeeded", e.Reason("OK", "ok")))


def test_an_execution_waits_once_it_is_resolved_and_not_before() -> None:
    story = Story()
    story.tell(execution("a"), submitted())
    assert story.waiting() == []
    story.tell(execution("a"), cached())
    assert story.waiting() == ["a"]


def test_higher_priority_goes_first_then_who_came_first() -> None:
    story = Story()
    for id, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5)):
        queued(story, id, priority=priority)
    assert story.waiting() == ["b", "d", "a", "c"]


def test_what_is_leased_or_reserved_is_not_free() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    first, second = queued(story, "a"), queued(story, "b")
    assert story.free() == (2000, 4 * GIB)
    story.tell(first, e.ExecutionAssigned(1, "n1", "i1"))
    assert story.free() == (1000, 3 * GIB)
    story.board.reserve(second, "n1")
    assert story.free() == (0, 2 * GIB)
    assert story.waiting() == []
    story.board.release(second)
    assert story.free() == (1000, 3 * GIB)
    assert story.waiting() == ["b"]


def test_room_comes_back_when_an_attempt_ends_however_it_ends() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    first, second = queued(story, "a"), queued(story, "b")
    story.tell(first, e.ExecutionAssigned(1, "n1", "i1"))
    story.tell(second, e.ExecutionAssigned(1, "n1", "i1"))
    story.tell(first, finished())
    lost = e.AttemptResult("lost", e.Reason("NODE_LOST", "gone"))
    story.tell(second, e.ExecutionAttemptFailed(1, lost, True, 0))
    assert story.free() == (2000, 4 * GIB)
    assert story.waiting() == ["b"]
    assert list(story.board.open) == [second]


def test_telling_it_all_again_changes_nothing() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    first = queued(story, "a")
    story.tell(first, e.ExecutionAssigned(1, "n1", "i1"))
    queued(story, "b")
    before = (dict(story.board.open), story.waiting(), story.free())
    for recorded in story.told:
        story.board.apply(recorded)
    assert (dict(story.board.open), story.waiting(), story.free()) == before


def test_a_history_that_was_loaded_is_not_undone_by_older_news() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    ref = queued(story, "a")
    story.tell(ref, e.ExecutionDelayed(e.Reason("WAITING_FOR_CPU", "full")))
    story.tell(ref, e.ExecutionAssigned(1, "n1", "i1"))
    board = Board()
    entry = board.read([each for each in story.told if each.commit.ref == ref])
    assert entry is not None
    board.put(entry)
    for recorded in story.told:
        board.apply(recorded)
    assert board.open[ref] == entry
    assert [(room.cpu_free_millis, room.memory_free_bytes) for room in board.rooms()] == [(1000, 3 * GIB)]


def test_a_commit_that_does_not_follow_the_one_before_it_is_loaded() -> None:
    story = Story()
    ref = queued(story, "a")
    story.last[ref] += 1
    assert not story.tell(ref, e.ExecutionAssigned(1, "n1", "i1"))
    assert story.waiting() == ["a"]


def test_who_waits_for_the_logs_answer_stays_reserved_until_it_is_folded() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    ref = queued(story, "a")
    story.board.reserve(ref, "n1")
    story.board.settle(ref, story.position + 1)
    assert story.waiting() == []
    story.tell(ref, e.ExecutionDelayed(e.Reason("WAITING_FOR_CPU", "full")))
    assert story.waiting() == ["a"]
    assert story.free() == (2000, 4 * GIB)


def test_who_comes_back_after_the_end_is_loaded_first() -> None:
    story = Story()
    ref = queued(story, "a")
    story.tell(ref, finished(0))
    assert not story.tell(ref, e.ExecutionRetried("key:k"))
    assert story.waiting() == []


def test_a_lost_node_offers_no_room_and_an_older_life_of_it_takes_none_away() -> None:
    story = Story()
    story.tell(NODE, JOINED)
    story.tell(NODE, NodeLost("another-life", 40.0))
    assert len(story.board.rooms()) == 1
    story.tell(NODE, NodeLost("i1", 40.0))
    assert story.board.rooms() == []
