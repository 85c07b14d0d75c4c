"""Who of a batch that was stopped or cancelled still starts: one rule, for who ends members and for who starts them.

It is decided member by member, by what happened after the batch was halted, in the order of the log.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.execution.events import ExecutionAttemptFailed, ExecutionEvent, ExecutionRetried


class Back(NamedTuple):
    """When a member came back to the queue, in positions of the log (0: never).

    `retried`: when its last retry was decided, by itself or with its batch. `last`: that, or its last attempt that failed
    and has another one behind it, whichever came later.
    """

    retried: int = 0
    last: int = 0

    def after(self, event: ExecutionEvent, position: int, cause: int) -> Back:
        """With an event of the commit at `position`, which carries out what was decided at `cause` (0: at `position`)."""
        if isinstance(event, ExecutionRetried):
            return Back(cause or position, cause or position)
        if isinstance(event, ExecutionAttemptFailed):
            return Back(self.retried, position)
        return self


NEVER = Back()


def may_start(cancelling: bool, halted_at: int, back: Back) -> bool:
    """Whether a member that waits may start, of a batch that was halted last at `halted_at` and has not finished.

    Whoever a person retried since. Besides, when the batch was only stopped (not `cancelling`), who has held a node since:
    that one goes on to its end, with another attempt if it has one. Whoever else waits is cancelled.
    """
    return (back.retried if cancelling else back.last) > halted_at
