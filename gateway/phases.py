"""From the events of an execution to the phases a person understands: where did the time go, and why does it wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.cost import events as cost
from domain.execution import events as e
from projections.execution_doc import iso
from services.runtime.log import Recorded


def explained(commits: Sequence[Recorded]) -> dict[str, Any]:
    """`phases` with name, attempt, from, to (None: it goes on), ms and how the attempt `ended` in it; `cache`; `waiting`."""
    phases: list[dict[str, Any]] = []
    cache: dict[str, Any] | None = None
    waiting: dict[str, Any] | None = None
    attempt = 0
    for recorded in commits:
        for event in recorded.commit.events:
            at_us = recorded.commit.at_us
            if isinstance(event, e.ExecutionDelayed):
                waiting = _reason(event.reason)
            if isinstance(event, e.ExecutionCached):
                cache = {level: _lookup(getattr(event, level)) for level in ("script", "environment", "inputs")}
            if isinstance(event, e.ExecutionAssigned):
                attempt, waiting = event.attempt, None
            if isinstance(event, e.ExecutionFinished):
                waiting = None
            name = _phase(event)
            if name is not None:
                at_us = event.started_at_us if isinstance(event, e.ExecutionStarted) else at_us
                if isinstance(event, e.ExecutionAttemptFailed) and event.result.ended_at_us:
                    at_us = min(at_us, event.result.ended_at_us)  # it is told later when its runner was away
                _close(phases, at_us)
                if phases and isinstance(event, e.ExecutionAttemptFailed):
                    phases[-1]["ended"] = f"{event.result.status}: {event.result.reason.message}"
                shown = attempt + (name in ("resolving", "queued"))
                phases.append({"name": name, "attempt": shown, "from_us": at_us, "to_us": None})
            elif isinstance(event, cost.CostFinalized):
                _close(phases, at_us)
    return {"phases": [_shown(each) for each in phases], "cache": cache, "waiting": waiting}


def _phase(event: Any) -> str | None:
    """The phase that begins with `event`."""
    match event:
        case e.ExecutionSubmitted():
            return "resolving"
        case e.ExecutionCached() | e.ExecutionRetried():
            return "queued"
        case e.ExecutionAttemptFailed():
            return "waiting to retry"
        case e.ExecutionAssigned():
            return "starting"
        case e.ExecutionStarted():
            return "running"
        case e.ExecutionFinished():
            return "billing"
    return None


def _close(phases: list[dict[str, Any]], at_us: int) -> None:
    if phases and phases[-1]["to_us"] is None:
        phases[-1]["to_us"] = max(at_us, phases[-1]["from_us"])


def _shown(phase: dict[str, Any]) -> dict[str, Any]:
    begun, ended = phase["from_us"], phase["to_us"]
    return {
        "name": phase["name"],
        "attempt": phase["attempt"],
        "from": iso(begun),
        "to": None if ended is None else iso(ended),
        "ms": None if ended is None else (ended - begun) // 1000,
        "ended": phase.get("ended"),
    }


def _reason(reason: e.Reason) -> dict[str, Any]:
    return {"code": reason.code, "message": reason.message, "hint": reason.hint}


def _lookup(lookup: e.Lookup) -> dict[str, Any]:
    return {"result": lookup.result, "reason": lookup.reason}
