"""What an end makes of the row of an execution: of an attempt, of the execution, of its files; and that it goes again."""

from __future__ import annotations

from domain.execution import events as e
from domain.files import FileRef
from projections import execution_doc as docs
from projections.blob_refs import result_blobs
from projections.causes import masked
from projections.execution_changes import QUEUED, attempt_over, changed, script_columns, with_blobs
from projections.projection import Meta
from projections.table import Row, plain_text


def attempt_failed(row: Row, event: e.ExecutionAttemptFailed, meta: Meta) -> Row:
    """A fault of the platform does not use up a retry of the person's, so one more attempt may follow."""
    retry_at = docs.iso(event.retry_at_us)
    message = (
        f"Attempt {event.attempt} ended: {event.result.reason.message} The next one starts at {retry_at} or later."
    )
    changes = {
        "status": "queued",
        "reason": {"code": "RETRYING", "message": message, "hint": event.result.reason.hint},
        "attempts_max": row["doc"]["attempts_max"] + event.platform,
        "retry_at": retry_at,
        "node_id": None,
        "started_at": None,
        **attempt_over(row, event, meta, platform=event.platform),
    }
    return changed(
        row,
        meta,
        changes,
        **QUEUED,
        not_before_us=event.retry_at_us,
        blobs=with_blobs(row, *result_blobs(event.result)),
    )


def finished(row: Row, event: e.ExecutionFinished, meta: Meta) -> Row:
    result = event.result
    ended_us = result.ended_at_us or meta.at_us
    started_us = row["started_at_us"] or (result.started_at_us if event.attempt else None)
    settled = row["settled_attempt"] >= event.attempt and row["doc"]["cost"]["charged_micros"] is not None
    bill = row["doc"]["cost"]
    changes = {
        **_told(result),
        "cancelling": False,
        "reused_from": event.reused_from or None,
        "retry_at": None,
        "started_at": docs.iso(started_us) if started_us else None,
        "finished_at": docs.iso(ended_us),
        "duration_ms": max(0, ended_us - started_us) // 1000 if started_us else None,
        "cost": {**bill, "final_micros": bill["charged_micros"]} if settled else bill,
        **attempt_over(row, event, meta, platform=result.status == "lost"),
    }
    if event.reused_from:
        changes |= {"log": docs.log(result.log), "log_lines": result.log.lines}
    return changed(
        row,
        meta,
        changes,
        phase="finished",
        status=result.status,
        started_at_us=started_us,
        first_started_us=row["first_started_us"] or started_us,
        finished_at_us=ended_us,
        ended_sequence=meta.position,
        reason_code=plain_text(result.reason.code),
        exit_code=result.exit_code,
        error_line=plain_text(result.error_line),
        error_group=masked(plain_text(result.error_line), row["member"]) if result.error_line else "",
        cancelling=False,
        final_micros=bill["charged_micros"] if settled else None,
        blobs=with_blobs(row, *result_blobs(result)),
    )


def _told(result: e.AttemptResult) -> docs.Doc:
    """How it ended, as the runner told it."""
    return {
        "status": result.status,
        "reason": docs.reason(result.reason),
        "exit_code": result.exit_code,
        "signal": result.signal,
        "error_line": result.error_line or None,
        "usage": docs.usage(result.usage),
        "outputs": docs.outputs(result.outputs),
        "outputs_refused": [{"path": each.path, "reason": each.reason} for each in result.outputs_refused],
        "outputs_refused_count": max(result.outputs_refused_count, len(result.outputs_refused)),
    }


def retried(row: Row, event: e.ExecutionRetried, meta: Meta) -> Row:
    """What was billed stays billed; the bill is just not final any more."""
    doc = row["doc"]
    cleared = dict.fromkeys(
        (
            "reason",
            "exit_code",
            "signal",
            "retry_at",
            "node_id",
            "started_at",
            "finished_at",
            "duration_ms",
            "usage",
            "error_line",
            "reused_from",
        )
    )
    changes = {
        **cleared,
        "status": "queued",
        "cancelling": False,
        "attempts_max": doc["attempt"] + doc["retries"] + 1,
        "outputs": None,
        "outputs_refused": [],
        "outputs_refused_count": 0,
        "cost": {**doc["cost"], "final_micros": None},
    }
    columns = {
        **QUEUED,
        **dict.fromkeys(("finished_at_us", "ended_sequence", "reason_code", "exit_code", "final_micros")),
        "not_before_us": 0,
        "cancelling": False,
        "error_line": "",
        "error_group": "",
    }
    if event.script is None:
        return changed(row, meta, changes, **columns)
    script = docs.script(event.script)
    return changed(row, meta, changes | {"script": script}, **columns, **_mended(row, event.script))


def _mended(row: Row, script: FileRef) -> Row:
    """It runs another script from now on. Its memo key would need all of the job, so it serves for nobody else."""
    return {**script_columns(script), "memo_key": None, "blobs": with_blobs(row, script.sha256)}


def expired(row: Row, event: e.ExecutionArtifactsExpired, meta: Meta) -> Row:
    """What it needed it needs no more. `kept_until` stays as it was when the files went."""
    changes = {"artifacts_expired": True, "kept_until": docs.iso(event.kept_until_us)}
    return changed(row, meta, changes, released=True)
