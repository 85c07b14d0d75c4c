"""Why there is no environment: the lock is to blame, or something around it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from domain.errors import Invalid, Unavailable

LINK = re.compile(r"\b(?:https?|file|git\+\w+|ssh)://\S+", re.IGNORECASE)
CREDENTIAL = re.compile(
    r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)|NPM_TOKEN|npm_config_\S*(?:_auth|_password|_authToken)", re.I
)
SHOWN_ANYWAY = 4
"""Shorter ones would blot out half of what is said, and hide nothing."""
SAID_MAX = 600


def scrubbed(text: str, instead: str = "the package index") -> str:
    """Without links: where an index is concerns nobody but the node, and some have a password in them. Nor other ones."""
    for secret in _credentials(os.environ):
        text = text.replace(secret, "***")
    return LINK.sub(instead, text).strip()[:SAID_MAX]


def _credentials(environ: Mapping[str, str]) -> list[str]:
    """Of indexes, the longest first."""
    found = {text for name, text in environ.items() if CREDENTIAL.fullmatch(name)}
    return sorted((text for text in found if len(text) >= SHOWN_ANYWAY), key=len, reverse=True)


class Unbuildable(Invalid):
    """No node could make it: the script fails. `hint` says what to type."""

    code = "ENVIRONMENT_FAILED"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unbuilt(Unavailable):
    """It could not be made here and now: another attempt may succeed."""

    code = "ENVIRONMENT_UNAVAILABLE"
