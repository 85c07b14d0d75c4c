"""Why there is no environment: the lock is to blame, or something around it."""

from __future__ import annotations

import re

from domain.errors import Invalid, Unavailable

LINK = re.compile(r"\b(?:https?|file|git\+\w+|ssh)://\S+", re.IGNORECASE)
SAID_MAX = 600


def scrubbed(text: str, instead: str = "the package index") -> str:
    """Without links: where an index is concerns nobody but the node, and some have a password in them."""
    return LINK.sub(instead, text).strip()[:SAID_MAX]


class Unbuildable(Invalid):
    """No node could make it: the script fails. `hint` says what to type."""

    code = "ENVIRONMENT_FAILED"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unbuilt(Unavailable):
    """It could not be made here and now: another attempt may succeed."""

    code = "ENVIRONMENT_UNAVAILABLE"
