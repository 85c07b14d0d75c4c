"""The words about how an attempt ended name a bound as it was asked for, and a larger one."""

from __future__ import annotations

import pytest

from domain.execution.job import Limits
from services.runner.explain import ended, timed_out
from services.runner.sandbox.box import Exit

GIB = 1024**3


@pytest.mark.parametrize(
    ("memory", "said", "twice"), [(4 * GIB, "4 GiB", "8g"), (100 << 20, "100 MiB", "200m"), (GIB // 2, "512 MiB", "1g")]
)
def test_more_memory_than_was_asked_for_is_advised(memory: int, said: str, twice: str) -> None:
    _, reason = ended(Exit(137, 9), True, Limits(memory_bytes=memory))
    assert said in reason.message
    assert f"--memory {twice} " in reason.hint and "/tmp" in reason.hint


@pytest.mark.parametrize(("seconds", "twice"), [(3600.0, "2h"), (300.0, "10m"), (1.5, "3"), (45.0, "90")])
def test_a_longer_time_than_was_asked_for_is_advised(seconds: float, twice: str) -> None:
    assert f"--timeout {twice} " in timed_out(Limits(timeout_seconds=seconds)).hint
