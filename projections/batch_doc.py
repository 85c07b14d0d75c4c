"""The JSON of one batch, as `GET /batches/{id}` answers it (schema_version 1), out of its row."""

from __future__ import annotations

from typing import Any

from domain.batch.events import BatchSubmitted
from domain.money import CURRENCY
from domain.pricing import equivalent_micros
from projections.execution_doc import environment, iso, reason, script
from projections.projection import Meta
from projections.table import Row

__all__ = ["Doc", "document", "ended", "reason", "script", "status_of", "submitted"]
SCHEMA_VERSION = 1
STATUSES = ("queued", "provisioning", "running", "succeeded", "failed", "timed_out", "cancelled", "lost")
"""Every status that a member can have: a column each."""
Doc = dict[str, Any]


def submitted(event: BatchSubmitted, meta: Meta) -> Doc:
    """What does not change with the members."""
    job, limits = event.job, event.job.limits
    return {
        "name": event.name,
        "project": event.project,
        "tags": dict(event.tags),
        "reason": None,
        "stopped": None,
        "waits": None,
        "count": event.members.count,
        "parallel": event.parallel,
        "failures_max": event.failures_max,
        "priority": event.priority,
        "memoize": event.memoize,
        "script": script(job.script),
        "runtime": job.runtime,
        "args": list(job.args),
        "limits": {
            "cpu_millis": limits.cpu_millis,
            "memory_bytes": limits.memory_bytes,
            "timeout_seconds": limits.timeout_seconds,
            "disk_bytes": limits.disk_bytes,
        },
        "network": job.network,
        "retries": job.retries,
        "environment": environment(job),
        "submitted_by": meta.actor,
    }


def status_of(row: Row) -> str:
    """queued (nothing has started), running; once it is over succeeded, failed or cancelled, by its members.

    One that ended with fewer members than were asked for has failed.
    """
    if not ended(row):
        begun = row["started_at_us"] is not None or row["running"] or row["members"] > _waiting(row)
        return "running" if begun else "queued"
    if row["failed"] or row["timed_out"] or row["lost"] or row["members"] < row["doc"].get("count", 0):
        return "failed"
    return "cancelled" if row["cancelled"] else "succeeded"


def ended(row: Row) -> bool:
    """It was recorded as finished, and nobody has retried a member since."""
    return row["phase"] == "finished" and not (_waiting(row) or row["running"])


def _waiting(row: Row) -> int:
    waiting: int = row["queued"] + row["provisioning"]
    return waiting


def document(row: Row) -> Doc:
    """The answer."""
    own, over = row["doc"], ended(row)
    started, finished = row["started_at_us"], row["finished_at_us"] if over else None
    return {
        "schema_version": SCHEMA_VERSION,
        "id": row["id"],
        "name": own["name"],
        "project": own["project"],
        "tags": own["tags"],
        "status": row["status"],
        "reason": own["reason"],
        "cancelling": row["cancelling"] and not over,
        "stopped": None if over else own["stopped"],
        "waits": own["waits"],
        "count": own["count"],
        "expanded": row["expanded"],
        "counts": {status: row[status] for status in STATUSES},
        **{name: own[name] for name in ("parallel", "failures_max", "priority", "memoize")},
        "reused": row["reused"],
        "round": row["round"],
        **{name: own[name] for name in ("script", "runtime", "args", "limits", "network", "retries", "environment")},
        "submitted_at": iso(row["submitted_at_us"]),
        "started_at": iso(started) if started else None,
        "finished_at": iso(finished) if finished else None,
        "submitted_by": own["submitted_by"],
        "duration_ms": max(0, finished - (started or row["submitted_at_us"])) // 1000 if finished else None,
        "usage": {"cpu_ms": row["cpu_ms"], "run_ms": row["run_ms"]},
        "cost": {
            "estimated_micros": row["estimated_micros"],
            "charged_micros": row["charged_micros"],
            "equivalent_micros": _equivalent(row),
            "currency": CURRENCY,
            "price_version": row["price_version"],
        },
        "outputs": {
            "count": row["outputs_count"],
            "size_bytes": row["outputs_bytes"],
            "refused": row["outputs_refused"],
        },
        "submitted_sequence": row["submitted_sequence"],
        "sequence": row["sequence"],
    }


def _equivalent(row: Row) -> int:
    """What the attempts that have ended held, added up first: whole micro-euros each, short ones would come to nothing."""
    limits = row["doc"]["limits"]
    return equivalent_micros(row["held_us"], limits["cpu_millis"], limits["memory_bytes"])
