"""How many members of a batch have ended, and how: out of the counts in its document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..terminal.outcome import ENDED, FAILURES


def ended_count(doc: dict[str, Any]) -> int:
    """How many members have ended."""
    return counted(doc, ENDED)


def failed_count(doc: dict[str, Any]) -> int:
    """How many members ended badly."""
    return counted(doc, FAILURES)


def counted(doc: dict[str, Any], statuses: Iterable[str]) -> int:
    """How many members have one of `statuses`."""
    counts = doc.get("counts") or {}
    return sum(int(counts.get(status) or 0) for status in statuses)
