"""What the history of any execution must look like, whatever happened to the grid meanwhile."""

from __future__ import annotations

from collections import Counter
from typing import Any


def check_history(events: list[dict[str, Any]]) -> None:
    """One accepted end, every attempt assigned once, every attempt billed at most once."""
    kinds = Counter(event["type"] for event in events)
    assert kinds["execution.submitted"] == 1
    assert kinds["execution.finished"] == 1
    assigned = [event["data"]["attempt"] for event in events if event["type"] == "execution.assigned"]
    assert assigned == list(range(1, len(assigned) + 1))
    billed = [
        charge["attempt"]
        for event in events
        if event["type"] == "cost.finalized"
        for charge in event["data"]["charges"]
    ]
    assert len(billed) == len(set(billed))
