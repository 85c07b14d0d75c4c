"""The one tree of errors; every class has a `code` that people and programs can rely on.

RgridError
├── Refused              a command that the state of its aggregate does not allow; only the caller cares
│   ├── Invalid          the request itself is wrong
│   ├── NotFound         there is no such thing (in this account)
│   ├── IdempotencyMismatch   the same key came with another payload
│   ├── WrongState       the thing is not in a state that allows this
│   ├── StaleLease       a report from an attempt that no longer holds the lease
│   ├── Unauthenticated  no key, an unknown key, or a revoked one
│   └── Forbidden        the key is good, the thing is not yours
├── Conflict             somebody else appended first: load, decide and append again
├── Unavailable          a part of the platform does not answer; trying again later may help
└── DamagedHistory       stored events do not read as what was written: stop and say so
    └── HistoryLost      positions of the log are gone, in it or at its end: every writer halts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RgridError(Exception):
    """Base of all errors of rgrid: a `code`, a message for people and plain `details`."""

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: dict[str, Any] = dict(details or {})


class Refused(RgridError):
    code = "REFUSED"


class Invalid(Refused):
    code = "INVALID_REQUEST"


class NotFound(Refused):
    code = "NOT_FOUND"


class IdempotencyMismatch(Refused):
    code = "IDEMPOTENCY_MISMATCH"


class WrongState(Refused):
    code = "WRONG_STATE"


class StaleLease(Refused):
    code = "STALE_LEASE"


class Unauthenticated(Refused):
    code = "UNAUTHENTICATED"


class Forbidden(Refused):
    code = "FORBIDDEN"


class Conflict(RgridError):
    code = "CONFLICT"


class Unavailable(RgridError):
    code = "UNAVAILABLE"


class DamagedHistory(RgridError):
    code = "DAMAGED_HISTORY"


class HistoryLost(DamagedHistory):
    code = "HISTORY_LOST"
