"""Why there is no environment: the lock is to blame, or something around it."""

from __future__ import annotations

from domain.errors import Invalid, Unavailable


class Unbuildable(Invalid):
    """No node could make it: the script fails. `hint` says what to type."""

    code = "ENVIRONMENT_FAILED"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unbuilt(Unavailable):
    """It could not be made here and now: another attempt may succeed."""

    code = "ENVIRONMENT_UNAVAILABLE"
