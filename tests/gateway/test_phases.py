"""Where the time went: each attempt says how it ended, and runs no longer than its result says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from gateway.phases import explained
from tests.domain.sample import CACHED, NOW, SECOND, SUBMITTED, assigned, failed, started


def at(seconds: float, *events: Any) -> Any:
    return SimpleNamespace(commit=SimpleNamespace(at_us=NOW + int(seconds * SECOND), events=events))


def test_a_lost_attempt_is_told_with_its_end_and_not_with_the_time_nothing_was_alive() -> None:
    lost = failed(status="lost", platform=True)
    told = explained([at(-1, SUBMITTED), at(-1, CACHED), at(-1, assigned()), at(0, started()), at(9, lost)])["phases"]
    running = next(phase for phase in told if phase["name"] == "running")
    assert running["ms"] == 2000
    assert running["ended"] == "lost: It lost."
    assert told[-1]["name"] == "waiting to retry" and told[-1]["ended"] is None
