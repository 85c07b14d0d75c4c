"""Turns: accounts, then priorities, then groups, then who came first; and a large batch that delays nobody (F18)."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.services.scheduler.rehearsal import Log, Scheduling


def started(cpu: int = 2000) -> tuple[Log, Scheduling]:
    log = Log()
    log.join(cpu=cpu)
    return log, Scheduling(log)


def test_a_single_run_gets_the_next_slot_however_many_wait_before_it() -> None:
    """F18"""
    log, scheduler = started()
    members = log.fan_out("b", 3000)
    assert scheduler.place() == members[:2]
    single = log.submit("single")
    log.end(members[0])
    assert scheduler.place() == [single]
    log.end(members[1])
    assert scheduler.place() == [members[2]]
    log.end(single)
    assert scheduler.place() == [members[3]]


def test_two_batches_share_whatever_their_sizes_and_whoever_was_first() -> None:
    log, scheduler = started(cpu=8000)
    log.fan_out("large", 500)
    scheduler.place()
    log.fan_out("small", 20)
    for _ in range(6):
        log.end(sorted(log.leased["large"], key=lambda ref: ref.id)[0])
        scheduler.place()
    assert scheduler.holding() == {("a", "large"): 4, ("a", "small"): 4}


def test_batches_and_the_single_runs_of_each_project_take_turns() -> None:
    log, scheduler = started(cpu=3000)
    log.fan_out("b", 10)
    first, *_ = [log.submit(f"p{number}", project="p") for number in range(10)]
    other = log.submit("q", project="q")
    assert [first, other] == scheduler.place()[1:]


def test_a_higher_priority_goes_first_within_its_account_only() -> None:
    log, scheduler = started(cpu=4000)
    log.fan_out("b", 10, priority=9)
    log.submit("low")
    theirs = [log.submit(f"theirs{number}", account="z") for number in range(3)]
    placed = scheduler.place()
    assert [ref.account for ref in placed] == ["a", "z", "a", "z"]
    assert [ref for ref in placed if ref.account == "z"] == theirs[:2]
    assert scheduler.holding() == {("a", "b"): 2, ("z", ""): 2}


def test_a_batch_at_its_limit_leaves_the_room_to_others() -> None:
    log, scheduler = started(cpu=4000)
    log.fan_out("b", 10, parallel=1, priority=9)
    singles = [log.submit(f"s{number}") for number in range(5)]
    assert scheduler.place()[1:] == singles[:3]


def test_members_that_need_little_do_not_starve_one_run_that_needs_more() -> None:
    """The room that comes free bit by bit is kept for whose turn it is."""
    log, scheduler = started(cpu=1000)
    log.fan_out("b", 500, cpu=250)
    scheduler.place()
    single = log.submit("single", cpu=1000)
    for _ in range(4):
        log.end(min(log.leased["b"], key=str))
        placed = scheduler.place()
    assert placed == [single]
    log.end(single)
    assert len(scheduler.place()) == 4


def test_room_is_not_kept_for_ever() -> None:
    """What runs beside it may never end: after a minute others have the room for as long."""
    log, scheduler = started(cpu=2000)
    members = log.fan_out("b", 50)
    scheduler.place()
    single = log.submit("single", cpu=2000)
    log.end(members[0])
    assert scheduler.place() == []
    assert list(scheduler.board.kept) == ["n1"]
    scheduler.now += 60
    assert scheduler.place() == [members[2]]
    log.end(members[1])
    scheduler.now += 60
    assert scheduler.place() == []
    log.end(members[2])
    assert scheduler.place() == [single]


@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(st.lists(st.sampled_from([250, 500, 1000, 2000, 4000]), min_size=2, max_size=4), st.integers(0, 2**32))
def test_nobody_starves_whatever_the_sizes(sizes: list[int], seed: int) -> None:
    """Every group is placed again and again, as long as what runs ends."""
    random, (log, scheduler) = Random(seed), started(cpu=4000)
    for number, cpu in enumerate(sizes):
        log.fan_out(f"b{number}", 100, cpu=cpu)
    for _ in range(2):
        served: Counter[str] = Counter()
        for _ in range(40):
            served.update(log.state(ref).batch_id for ref in scheduler.place())
            log.end(random.choice(sorted(set().union(*log.leased.values()), key=str)))
        assert len(served) == len(sizes), served


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 12), st.integers(0, 2**32))
def test_shares_of_equal_groups_never_differ_by_more_than_one_while_all_wait(
    sizes: list[int], cpus: int, seed: int
) -> None:
    random, (log, scheduler) = Random(seed), started(cpu=cpus * 1000)
    for number, size in enumerate(sizes):
        log.fan_out(f"b{number}", 40 + size)
    for _ in range(30):
        scheduler.place()
        held = [scheduler.holding()[("a", f"b{number}")] for number in range(len(sizes))]
        assert sum(held) == cpus
        assert max(held) - min(held) <= 1
        log.end(random.choice(sorted(set().union(*log.leased.values()), key=str)))


def test_work_does_not_grow_with_the_number_that_wait() -> None:
    """Of a line nobody is looked at but who is placed, and one more."""
    log, scheduler = started(cpu=3000)
    members = log.fan_out("b", 1000)
    scheduler.fold()
    (line, entries), *_ = scheduler.board.lines.standing.items()
    behind = [entries[ref] for ref in members[4:]]
    for entry in behind:
        entries[entry.ref] = None  # type: ignore[assignment]  # to look at one of these would fail
    assert scheduler.decide() == members[:3]
    assert line.told is None
