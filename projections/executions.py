"""Executions as people ask for them: what to filter by in columns, the whole answer as a document."""

from __future__ import annotations

from typing import Any

from domain.cost import events as cost
from domain.errors import DamagedHistory
from domain.execution import events as e
from domain.memo import memo_key
from projections import execution_doc as docs
from projections.blob_refs import own_blobs
from projections.execution_changes import script_columns
from projections.execution_ends import attempt_failed, expired, finished, retried
from projections.execution_folds import assigned, billed, cached, cancel_requested, delayed, estimated, started
from projections.projection import Fold, Meta, On, Projection
from projections.table import Row, Table, plain_text
from projections.tags import tag_texts

TABLE = Table(
    "executions",
    {
        "account": "text",
        "id": "text",
        "sequence": "bigint",
        "phase": "text",
        "status": "text",
        "project": "text",
        "name": "text",
        "script_path": "text",
        "script_name": "text",
        "script_sha256": "text",
        "batch_id": "text",
        "member": "text",
        "member_index": "int",
        "memo_key": "text",
        "environment_lock": "text",
        "tags": "text[]",
        "priority": "int",
        "runtime": "text",
        "cpu_millis": "int",
        "memory_bytes": "bigint",
        "submitted_at_us": "bigint",
        "assigned_at_us": "bigint",
        "started_at_us": "bigint",
        "first_started_us": "bigint",
        "finished_at_us": "bigint",
        "ended_sequence": "bigint",
        "reason_code": "text",
        "exit_code": "int",
        "error_line": "text",
        "error_group": "text",
        "not_before_us": "bigint",
        "attempt": "int",
        "settled_attempt": "int",
        "node_id": "text",
        "incarnation": "text",
        "cancelling": "boolean",
        "final_micros": "bigint",
        "released": "boolean",
        "blobs": "text[]",
        "doc": "json",
    },
    key=("account", "id"),
    indexes=(
        "(account, sequence)",
        "(account, status, sequence)",
        "(account, project, sequence)",
        "(account, script_sha256, sequence)",
        "(account, script_path, sequence)",
        "(account, script_name, sequence)",
        "(account, name, sequence) WHERE name <> ''",
        "(sequence) WHERE phase <> 'finished'",
        "(sequence) WHERE phase = 'finished' AND final_micros IS NULL",
        "(account, sequence) WHERE batch_id IS NULL",
        "(account, batch_id, sequence) WHERE batch_id IS NOT NULL",
        "(account, batch_id, status, sequence) WHERE batch_id IS NOT NULL",
        "(account, batch_id, ended_sequence) WHERE batch_id IS NOT NULL AND ended_sequence IS NOT NULL",
        "(account, memo_key, sequence) WHERE status = 'succeeded' AND NOT released",
        "(account, environment_lock, sequence) WHERE environment_lock IS NOT NULL",
        "(finished_at_us) WHERE phase = 'finished' AND NOT released",
        "USING gin (tags) WHERE tags <> '{}'",
    ),
)


def submitted(row: Row | None, event: e.ExecutionSubmitted, meta: Meta) -> Row:
    job = event.job
    return {
        "account": meta.account,
        "id": meta.id,
        "sequence": meta.position,
        "phase": "submitted",
        "status": "queued",
        "project": plain_text(event.project),
        "name": plain_text(event.name),
        **script_columns(job.script),
        "batch_id": event.batch_id or None,
        "member": plain_text(event.member),
        "member_index": row["member_index"] if row else None,
        "memo_key": memo_key(job),
        "environment_lock": job.environment.lock.sha256 if job.environment else None,
        "tags": tag_texts(event.tags),
        "priority": event.priority,
        "runtime": job.runtime,
        "cpu_millis": job.limits.cpu_millis,
        "memory_bytes": job.limits.memory_bytes,
        "submitted_at_us": meta.at_us,
        "assigned_at_us": None,
        "started_at_us": None,
        "first_started_us": None,
        "finished_at_us": None,
        "ended_sequence": None,
        "reason_code": None,
        "exit_code": None,
        "error_line": "",
        "error_group": "",
        "not_before_us": 0,
        "attempt": 0,
        "settled_attempt": 0,
        "node_id": None,
        "incarnation": None,
        "cancelling": False,
        "final_micros": None,
        "released": False,
        "blobs": own_blobs(event),
        "doc": docs.submitted(event, meta),
    }


def _known(fold: Fold) -> Fold:
    """Only a submitted execution can have further events."""

    def checked(row: Row | None, event: Any, meta: Meta) -> Row | None:
        if row is None:
            raise DamagedHistory(f"{type(event).__name__} of {meta.id}, which the log has no submission of.")
        return fold(row, event, meta)

    return checked


_FOLDS: dict[type, Any] = {
    e.ExecutionCached: cached,
    e.ExecutionDelayed: delayed,
    e.ExecutionAssigned: assigned,
    e.ExecutionStarted: started,
    e.ExecutionAttemptFailed: attempt_failed,
    e.ExecutionCancelRequested: cancel_requested,
    e.ExecutionFinished: finished,
    e.ExecutionRetried: retried,
    e.ExecutionArtifactsExpired: expired,
    cost.CostEstimated: estimated,
    cost.CostFinalized: billed,
}


def _key(_event: Any, meta: Meta) -> tuple[str, str]:
    return (meta.account, meta.id)


EXECUTIONS = Projection(
    TABLE,
    {e.ExecutionSubmitted: On(submitted, _key), **{event: On(_known(fold), _key) for event, fold in _FOLDS.items()}},
)
