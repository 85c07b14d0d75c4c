"""What came back from the gateway, or did not: read off in one place."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def may_repeat(method: str, headers: Mapping[str, str] | None) -> bool:
    """Whether a request may be sent again when its answer was lost: a repeat of it changes nothing."""
    return method in ("GET", "DELETE") or "Idempotency-Key" in (headers or {})


def why(broken: BaseException | None) -> str:
    """A network failure in two or three words."""
    if isinstance(broken, ConnectionRefusedError):
        return "connection refused"
    if isinstance(broken, TimeoutError):
        return "no answer in time"
    if isinstance(broken, http.client.RemoteDisconnected | http.client.IncompleteRead | ConnectionError):
        return "the connection broke"
    return (getattr(broken, "strerror", "") or str(broken) or type(broken).__name__).lower()


def is_away(code: str) -> bool:
    """Whether a part of the grid does not answer, or not yet: asking again helps."""
    return code.endswith("UNAVAILABLE") or code in ("READ_BEHIND", "PROJECTIONS_BEHIND")


def is_web_page(reply: Reply) -> bool:
    """Whether somebody else's HTML came instead of JSON."""
    kind = str(reply.headers.get("Content-Type", "")).lower()
    return "text/html" in kind or reply.body[:64].lstrip().lower().startswith((b"<!doctype", b"<html"))


def retry_after(reply: Reply) -> float:
    """Seconds that the answer asks us to wait; 1 when it does not say."""
    try:
        return min(30.0, max(0.1, float(reply.headers.get("Retry-After", "1"))))
    except ValueError:
        return 1.0
