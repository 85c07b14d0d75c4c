"""What is said of an end claims no more than was seen, and names a bound as it was asked for, with a larger one."""

from __future__ import annotations

import signal

import pytest

from domain.execution.job import Limits
from services.runner.explain import ended, timed_out, with_words
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


def test_the_kernels_silence_means_something_only_where_it_was_asked() -> None:
    end = Exit(137, signal.SIGKILL)
    _, asked = ended(end, False, Limits(), guarded=True)
    _, unasked = ended(end, False, Limits(), guarded=False)
    assert "not its memory limit" in asked.hint
    assert "does not say" in unasked.hint


def test_a_signal_that_only_the_exit_code_tells_of_is_not_claimed() -> None:
    _, reason = ended(Exit(137, signal.SIGKILL, seen=False), False, Limits())
    assert reason.message == "The script ended with exit code 137, which stands for SIGKILL."


def test_a_signal_without_a_name() -> None:
    status, reason = ended(Exit(128 + 40, 40), False, Limits())
    assert (status, reason.code) == ("failed", "SIGNAL") and "signal 40" in reason.message


@pytest.mark.parametrize("kind", ["OSError", "ImportError"])
def test_a_library_that_the_machine_lacks_is_named_with_what_to_do(kind: str) -> None:
    _, reason = ended(Exit(1), False, Limits())
    line = f"{kind}: libgomp.so.1: cannot open shared object file: No such file or directory"
    better = with_words(reason, line)
    assert (better.code, better.message) == (reason.code, reason.message)
    assert "system library libgomp.so.1" in better.hint and "--image" in better.hint


def test_other_last_words_change_nothing() -> None:
    _, reason = ended(Exit(1), False, Limits())
    assert with_words(reason, "OSError: data.so: cannot open: No such file") == reason
    assert with_words(reason, "") == reason
