"""What many runs of one script may take and cost, before they run: ranges out of its earlier runs, or of an assumption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from domain.cost.settlement import ASSUMED_SECONDS
from domain.execution.job import Limits
from domain.node.offer import Offer
from domain.prices import PRICES, REFERENCE
from domain.pricing import run_micros

SPREAD_ASSUMED = 10.0
"""A script that never ran takes from a tenth of what is assumed to ten times as long."""
HANDLING_SECONDS = 0.025
"""How long a run holds its node beyond its own time: to be fetched, started and reported."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds that earlier runs of a script took: quantiles (10, 50, 90 per cent), of how many `runs`."""

    p10: float
    p50: float
    p90: float
    runs: int


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long one run may take. `basis`: history or assumption; `note` says it to people."""

    low: float
    typical: float
    high: float
    basis: str
    runs: int
    note: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """`slots`: so many run at once (0: none fits). Times in seconds, money in micro-euros, each as (low, high)."""

    each: Seconds
    slots: int
    wall_seconds: tuple[float, float]
    cost_micros: tuple[int, int]
    equivalent_micros: tuple[int, int]


def forecast(
    count: int, limits: Limits, nodes: Sequence[Offer], history: Durations | None, parallel: int = 0
) -> Forecast:
    """Of `count` runs on `nodes` (those with the runtime), at most `parallel` at once (0: as many as there is room for).

    Without a node that fits the figures are as if one run after the other had the cheapest.
    """
    each = seconds_each(history, limits.timeout_seconds)
    slots = min(slots_of(limits, nodes), count, parallel or count)
    runs = _total(each, count)
    types = sorted({node.node_type for node in nodes if node.node_type in PRICES}) or ["local"]
    costs = [_cost(node_type, each, runs, count, limits) for node_type in types]
    cost = (min(low for low, _ in costs), max(high for _, high in costs))
    return Forecast(
        each, slots, _wall(each, runs, count, slots or 1), cost, _cost(REFERENCE, each, runs, count, limits)
    )


def seconds_each(history: Durations | None, timeout_seconds: float) -> Seconds:
    """The range of one run; never longer than the time limit. Few earlier runs say little, so they widen the range."""
    if history is None or history.runs < 1:
        typical = min(ASSUMED_SECONDS, timeout_seconds)
        low, high = typical / SPREAD_ASSUMED, min(typical * SPREAD_ASSUMED, timeout_seconds)
        note = f"Nothing is known of this script yet: {typical:g} s a run are assumed, from {low:g} s to {high:g} s."
        return Seconds(low, typical, high, "assumption", 0, note)
    wide = 1 + 1 / sqrt(history.runs)
    low, typical, high = (
        min(max(0.0, seconds), timeout_seconds) for seconds in (history.p10 / wide, history.p50, history.p90 * wide)
    )
    said = "one earlier run" if history.runs == 1 else f"{history.runs:,} earlier runs"
    return Seconds(
        low, max(low, typical), max(low, typical, high), "history", history.runs, f"From {said} of this script."
    )


def slots_of(limits: Limits, nodes: Sequence[Offer]) -> int:
    """How many runs find room at once, by cpu and memory, when nothing else runs."""
    return sum(min(node.cpu_millis // limits.cpu_millis, node.memory_bytes // limits.memory_bytes) for node in nodes)


def _total(each: Seconds, count: int) -> tuple[float, float]:
    """Seconds for which all runs together hold their nodes.

    Their mean lies around Swanson's mean of three quantiles (0.3, 0.4, 0.3: Hurst et al. 2000, AAPG Bulletin 84). It scatters
    less the more runs there are, and is known the better the more there were: by the root of each.
    """
    mean = 0.3 * each.low + 0.4 * each.typical + 0.3 * each.high
    known = 1 - min(1.0, 1 / sqrt(count) + 1 / sqrt(each.runs)) if each.runs else 0.0
    low, high = each.low + (mean - each.low) * known, each.high - (each.high - mean) * known
    return count * (low + HANDLING_SECONDS), count * (high + HANDLING_SECONDS)


def _wall(each: Seconds, runs: tuple[float, float], count: int, slots: int) -> tuple[float, float]:
    """From beginning to end: whoever is free takes the next one, so the bounds are Graham's (1969, SIAM J. Appl. Math. 17)."""
    quickest, slowest = each.low + HANDLING_SECONDS, each.high + HANDLING_SECONDS
    low = max(quickest, runs[0] / slots)
    if ceil(count / slots) == 1:
        return low, max(low, slowest)
    return low, max(low, runs[1] / slots + slowest * (1 - 1 / slots))


def _cost(node_type: str, each: Seconds, runs: tuple[float, float], count: int, limits: Limits) -> tuple[int, int]:
    """Every run is billed and rounded by itself, so the range holds the sum of rounded shares and the share of the sum."""

    def micros(seconds: float) -> int:
        return run_micros(node_type, int(seconds * 1_000_000), limits.cpu_millis, limits.memory_bytes)

    low = min(micros(runs[0]), count * micros(runs[0] / count))
    return low, max(low, micros(runs[1]), count * micros(runs[1] / count))
