"""A point in time as a person types it, as the API takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..errors import UsageProblem
from .formats import parse_duration


def since_words(text: str) -> str:
    """`7d` (ago) or an ISO time, as ISO 8601 in UTC; raises UsageProblem."""
    try:
        at = datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        try:
            at = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
        except ValueError:
            raise UsageProblem(f"{text!r} is no time; write for example 7d, 2h or 2026-11-20T18:00.") from None
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
