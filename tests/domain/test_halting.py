"""Who of a halted batch still starts."""

from __future__ import annotations

import pytest

from domain.batch.halting import NEVER, Back, may_start
from domain.execution import events as e

FAILED = e.ExecutionAttemptFailed(1, e.AttemptResult("lost", e.Reason("NODE_LOST", "gone")), True, 0)
RETRIED = e.ExecutionRetried("key:k")
HALTED_AT = 10


def back(*events: tuple[e.ExecutionEvent, int, int]) -> Back:
    """What a member is after events, each at its position and with its cause."""
    at = NEVER
    for event, position, cause in events:
        at = at.after(event, position, cause)
    return at


@pytest.mark.parametrize(
    ("came", "stopped", "cancelled"),
    [
        (NEVER, False, False),
        (back((FAILED, 9, 0)), False, False),
        (back((FAILED, 11, 0)), True, False),
        (back((FAILED, 11, 8)), True, False),  # its node was lost before, and it noticed later: it ran at the stop
        (back((RETRIED, 11, 0)), True, True),
        (back((RETRIED, 11, 8)), False, False),  # with its batch, which was retried before it was halted
        (back((RETRIED, 11, 0), (FAILED, 12, 0)), True, True),
        (back((FAILED, 11, 0), (RETRIED, 13, 9)), False, False),
    ],
)
def test_it_is_what_came_after_the_halt_that_counts(came: Back, stopped: bool, cancelled: bool) -> None:
    assert (may_start(False, HALTED_AT, came), may_start(True, HALTED_AT, came)) == (stopped, cancelled)
