"""A forecast is a range that holds together, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.execution.job import Limits
from domain.forecast import HANDLING_SECONDS, Durations, Forecast, forecast, seconds_each, slots_of
from domain.node.offer import Offer
from domain.prices import GIB, PRICES
from domain.pricing import run_micros

counts = st.integers(1, 100_000)
limits = st.builds(
    Limits,
    cpu_millis=st.integers(1, 16_000),
    memory_bytes=st.integers(1, 64 * GIB),
    timeout_seconds=st.floats(0.1, 10**6),
)
offers = st.lists(
    st.builds(
        Offer,
        node_type=st.sampled_from([*PRICES, "unheard-of"]),
        cpu_millis=st.integers(0, 64_000),
        memory_bytes=st.integers(0, 256 * GIB),
        sandbox=st.just("process"),
    ),
    max_size=4,
)
quantiles = st.lists(st.floats(0, 10**6), min_size=3, max_size=3).map(sorted)
histories = st.none() | st.builds(lambda q, runs: Durations(*q, runs), quantiles, st.integers(1, 1000))
NODE = Offer("local", 4000, 8 * GIB, "process")
SMALL = Limits(1000, GIB, 3600.0)


def holds_together(found: Forecast) -> None:
    assert 0 <= found.each.low <= found.each.typical <= found.each.high
    for low, high in (found.wall_seconds, found.cost_micros, found.equivalent_micros):
        assert 0 <= low <= high
    assert all(isinstance(each, int) for each in (*found.cost_micros, *found.equivalent_micros))


@given(counts, limits, offers, histories, st.integers(0, 100_000))
def test_every_range_is_one(
    count: int, asked: Limits, nodes: list[Offer], history: Durations | None, parallel: int
) -> None:
    found = forecast(count, asked, nodes, history, parallel)
    holds_together(found)
    assert found.each.high <= asked.timeout_seconds, "nothing runs longer than it may"
    assert found.wall_seconds[0] >= found.each.low
    assert 0 <= found.slots <= min(count, parallel or count)
    assert found.each.basis == ("assumption" if history is None else "history")


@given(counts, counts, limits, offers, histories)
def test_more_runs_take_and_cost_no_less(
    one: int, other: int, asked: Limits, nodes: list[Offer], history: Durations | None
) -> None:
    few, many = (forecast(count, asked, nodes, history) for count in sorted((one, other)))
    slack = 1 + 1e-9  # the same sum in another order
    assert few.wall_seconds[1] <= many.wall_seconds[1] * slack
    assert few.equivalent_micros[1] <= many.equivalent_micros[1] * slack + 1
    assert few.cost_micros[1] <= many.cost_micros[1] * slack + 1


@given(counts, limits, offers, histories, st.integers(1, 100), st.integers(1, 100))
def test_more_at_once_takes_no_longer_and_costs_the_same(
    count: int, asked: Limits, nodes: list[Offer], history: Durations | None, one: int, other: int
) -> None:
    few, many = (forecast(count, asked, nodes, history, parallel) for parallel in sorted((one, other)))
    assert many.wall_seconds[0] <= few.wall_seconds[0]
    assert many.wall_seconds[1] <= few.wall_seconds[1] * (1 + 1e-9)
    assert many.cost_micros == few.cost_micros and many.equivalent_micros == few.equivalent_micros


@given(quantiles, st.integers(1, 999))
def test_more_history_makes_no_wider_range(seconds: list[float], runs: int) -> None:
    little, much = (seconds_each(Durations(*seconds, each), 10.0**7) for each in (runs, runs + 1))
    assert little.low <= much.low and much.high <= little.high


@given(histories, st.floats(0.1, 10**6))
def test_one_run_alone_is_what_each_is(history: Durations | None, timeout: float) -> None:
    found = forecast(1, replace(SMALL, timeout_seconds=timeout), [NODE], history)
    assert found.wall_seconds == (found.each.low + HANDLING_SECONDS, found.each.high + HANDLING_SECONDS)


def test_a_thousand_alike_runs_on_four_slots() -> None:
    found = forecast(1000, SMALL, [NODE], Durations(0.9, 1.0, 1.1, 400))
    assert found.slots == 4 and found.each.runs == 400
    low, high = found.wall_seconds
    assert 245 < low < 255 < high < 265
    assert found.cost_micros == (0, 0), "a node of one's own costs nothing"
    second = run_micros("cx23", 1_025_000_000, SMALL.cpu_millis, SMALL.memory_bytes)
    assert found.equivalent_micros[0] <= second <= found.equivalent_micros[1]


def test_short_runs_are_rounded_each_or_together_and_the_range_holds_both() -> None:
    found = forecast(10_000, SMALL, [NODE], Durations(0.05, 0.05, 0.05, 1000))
    assert run_micros("cx23", 75_000, SMALL.cpu_millis, SMALL.memory_bytes) == 0, "each alone"
    assert found.equivalent_micros[0] == 0 and found.equivalent_micros[1] > 400


def test_slots_are_counted_by_what_is_short() -> None:
    assert slots_of(SMALL, [NODE, NODE]) == 8
    assert slots_of(replace(SMALL, memory_bytes=5 * GIB), [NODE, NODE]) == 2
    assert slots_of(replace(SMALL, cpu_millis=5000), [NODE]) == 0
    assert forecast(10, replace(SMALL, cpu_millis=5000), [NODE], None).slots == 0


def test_what_never_ran_is_assumed_and_says_so() -> None:
    each = seconds_each(None, 3600.0)
    assert (each.low, each.typical, each.high, each.runs) == (6.0, 60.0, 600.0, 0)
    assert "assumed" in each.note and each.basis == "assumption"
    assert seconds_each(None, 30.0).high == 30.0
    assert "one earlier run" in seconds_each(Durations(1, 1, 1, 1), 3600.0).note
