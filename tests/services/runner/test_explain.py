"""What is said of an end claims no more than was seen."""

from __future__ import annotations

import signal

from domain.execution.job import Limits
from services.runner.explain import ended
from services.runner.sandbox.box import Exit


def test_the_kernels_silence_means_something_only_where_it_was_asked() -> None:
    end = Exit(137, signal.SIGKILL)
    _, asked = ended(end, False, Limits(), guarded=True)
    _, unasked = ended(end, False, Limits(), guarded=False)
    assert "not its memory limit" in asked.hint
    assert "does not say" in unasked.hint


def test_a_signal_that_only_the_exit_code_tells_of_is_not_claimed() -> None:
    _, reason = ended(Exit(137, signal.SIGKILL, seen=False), False, Limits())
    assert reason.message == "The script ended with exit code 137, which stands for SIGKILL."
