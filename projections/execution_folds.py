"""What each event makes of the row of an execution that was submitted: pure, from the row before to the row after."""

from __future__ import annotations

from domain.cost import events as cost
from domain.execution import events as e
from projections import execution_doc as docs
from projections.execution_changes import changed, last_attempt
from projections.projection import Meta
from projections.table import Row


def cached(row: Row, event: e.ExecutionCached, meta: Meta) -> Row:
    cache = {level: docs.lookup(getattr(event, level)) for level in ("script", "environment", "inputs")}
    return changed(row, meta, {"cache": cache}, phase="queued")


def delayed(row: Row, event: e.ExecutionDelayed, meta: Meta) -> Row:
    return changed(row, meta, {"reason": docs.reason(event.reason)})


def assigned(row: Row, event: e.ExecutionAssigned, meta: Meta) -> Row:
    changes = {
        "status": "provisioning",
        "reason": None,
        "attempt": event.attempt,
        "retry_at": None,
        "node_id": event.node_id,
        "started_at": None,
        "log": None,
        "log_lines": 0,
        "attempts": [*row["doc"]["attempts"], docs.attempt(event, meta)],
    }
    return changed(
        row,
        meta,
        changes,
        phase="assigned",
        status="provisioning",
        attempt=event.attempt,
        node_id=event.node_id,
        incarnation=event.incarnation,
        assigned_at_us=meta.at_us,
        started_at_us=None,
    )


def started(row: Row, event: e.ExecutionStarted, meta: Meta) -> Row:
    at = docs.iso(event.started_at_us)
    attempts = last_attempt(row, status="running", started_at=at, sandbox=event.sandbox)
    changes = {"status": "running", "started_at": at, "attempts": attempts}
    return changed(
        row,
        meta,
        changes,
        phase="running",
        status="running",
        started_at_us=event.started_at_us,
        first_started_us=row["first_started_us"] or event.started_at_us,
    )


def cancel_requested(row: Row, event: e.ExecutionCancelRequested, meta: Meta) -> Row:
    return changed(row, meta, {"cancelling": True}, cancelling=True)


def estimated(row: Row, event: cost.CostEstimated, meta: Meta) -> Row:
    bill = {
        **row["doc"]["cost"],
        "estimated_micros": event.estimated_micros,
        "equivalent_micros": event.equivalent_micros,
        "price_version": event.price_version,
        "basis": event.basis,
    }
    return changed(row, meta, {"cost": bill})


def billed(row: Row, event: cost.CostFinalized, meta: Meta) -> Row:
    """The bill may come after a person's retry: then it is the sum so far, not the final one."""
    final = event.total_micros if row["phase"] == "finished" else None
    bill = {
        **row["doc"]["cost"],
        "charged_micros": event.total_micros,
        "final_micros": final,
        "equivalent_micros": event.equivalent_total_micros,
        "currency": event.currency,
        "price_version": event.price_version,
    }
    charged = {charge.attempt: charge.charged_micros for charge in event.charges}
    attempts = [
        {**entry, "charged_micros": charged[entry["attempt"]]} if entry["attempt"] in charged else entry
        for entry in row["doc"]["attempts"]
    ]
    settled = max(charged, default=row["settled_attempt"])
    return changed(row, meta, {"cost": bill, "attempts": attempts}, settled_attempt=settled, final_micros=final)
