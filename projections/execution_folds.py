"""What each event makes of the row of an execution that was submitted: pure, from the row before to the row after."""

from __future__ import annotations

from typing import Any

from domain.cost import events as cost
from domain.execution import events as e
from domain.files import FileRef
from projections import execution_doc as docs
from projections.blob_refs import distinct, result_blobs
from projections.projection import Meta
from projections.table import Row, plain_text


def cached(row: Row, event: e.ExecutionCached, meta: Meta) -> Row:
    cache = {level: docs.lookup(getattr(event, level)) for level in ("script", "environment", "inputs")}
    return _changed(row, meta, {"cache": cache}, phase="queued")


def delayed(row: Row, event: e.ExecutionDelayed, meta: Meta) -> Row:
    return _changed(row, meta, {"reason": docs.reason(event.reason)})


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
    return _changed(
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
    attempts = _last_attempt(row, status="running", started_at=at, sandbox=event.sandbox)
    changes = {"status": "running", "started_at": at, "attempts": attempts}
    return _changed(
        row,
        meta,
        changes,
        phase="running",
        status="running",
        started_at_us=event.started_at_us,
        first_started_us=row["first_started_us"] or event.started_at_us,
    )


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
        **_attempt_over(row, event, meta, platform=event.platform),
    }
    return _changed(
        row, meta, changes, **_QUEUED, not_before_us=event.retry_at_us, blobs=_blobs(row, *result_blobs(event.result))
    )


def cancel_requested(row: Row, event: e.ExecutionCancelRequested, meta: Meta) -> Row:
    return _changed(row, meta, {"cancelling": True}, cancelling=True)


def finished(row: Row, event: e.ExecutionFinished, meta: Meta) -> Row:
    result = event.result
    ended_us = result.ended_at_us or meta.at_us
    started_us = row["started_at_us"] or (result.started_at_us if event.attempt else None)
    settled = row["settled_attempt"] >= event.attempt and row["doc"]["cost"]["charged_micros"] is not None
    bill = row["doc"]["cost"]
    changes = {
        "status": result.status,
        "cancelling": False,
        "reason": docs.reason(result.reason),
        "exit_code": result.exit_code,
        "signal": result.signal,
        "error_line": result.error_line or None,
        "reused_from": event.reused_from or None,
        "retry_at": None,
        "started_at": docs.iso(started_us) if started_us else None,
        "finished_at": docs.iso(ended_us),
        "duration_ms": max(0, ended_us - started_us) // 1000 if started_us else None,
        "usage": docs.usage(result.usage),
        "cost": {**bill, "final_micros": bill["charged_micros"]} if settled else bill,
        "outputs": docs.outputs(result.outputs),
        "outputs_refused": [{"path": each.path, "reason": each.reason} for each in result.outputs_refused],
        "outputs_refused_count": max(result.outputs_refused_count, len(result.outputs_refused)),
        **_attempt_over(row, event, meta, platform=result.status == "lost"),
    }
    if event.reused_from:
        changes |= {"log": docs.log(result.log), "log_lines": result.log.lines}
    return _changed(
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
        cancelling=False,
        final_micros=bill["charged_micros"] if settled else None,
        blobs=_blobs(row, *result_blobs(result)),
    )


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
        **_QUEUED,
        **dict.fromkeys(("finished_at_us", "ended_sequence", "reason_code", "exit_code", "final_micros")),
        "not_before_us": 0,
        "cancelling": False,
        "error_line": "",
    }
    if event.script is None:
        return _changed(row, meta, changes, **columns)
    script = docs.script(event.script)
    return _changed(row, meta, changes | {"script": script}, **columns, **_mended(row, event.script))


def _mended(row: Row, script: FileRef) -> Row:
    """It runs another script from now on. Its memo key would need all of the job, so it serves for nobody else."""
    return {**script_columns(script), "memo_key": None, "blobs": _blobs(row, script.sha256)}


def script_columns(script: FileRef) -> Row:
    return {
        "script_path": plain_text(script.path),
        "script_name": plain_text(script.path.rpartition("/")[2]),
        "script_sha256": script.sha256,
    }


def expired(row: Row, event: e.ExecutionArtifactsExpired, meta: Meta) -> Row:
    """What it needed it needs no more. `kept_until` stays as it was when the files went."""
    changes = {"artifacts_expired": True, "kept_until": docs.iso(event.kept_until_us)}
    return _changed(row, meta, changes, released=True)


def estimated(row: Row, event: cost.CostEstimated, meta: Meta) -> Row:
    bill = {
        **row["doc"]["cost"],
        "estimated_micros": event.estimated_micros,
        "equivalent_micros": event.equivalent_micros,
        "price_version": event.price_version,
        "basis": event.basis,
    }
    return _changed(row, meta, {"cost": bill})


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
    return _changed(row, meta, {"cost": bill, "attempts": attempts}, settled_attempt=settled, final_micros=final)


_QUEUED = {"phase": "queued", "status": "queued", "node_id": None, "incarnation": None, "started_at_us": None}


def _changed(row: Row, meta: Meta, doc: docs.Doc, **columns: Any) -> Row:
    return {**row, **columns, "doc": {**row["doc"], **doc, "sequence": meta.position}}


def _blobs(row: Row, *references: str) -> list[str]:
    """What it needs, and more; the same list when there is nothing new, which says so to who compares."""
    known: list[str] = row["blobs"]
    fresh = [each for each in references if each not in known]
    return known + (distinct(fresh) if len(fresh) > 1 else fresh) if fresh else known


def _last_attempt(row: Row, **changes: Any) -> list[docs.Doc]:
    attempts = row["doc"]["attempts"]
    return [*attempts[:-1], {**attempts[-1], **changes}] if attempts else attempts


def _attempt_over(
    row: Row, event: e.ExecutionAttemptFailed | e.ExecutionFinished, meta: Meta, *, platform: bool
) -> docs.Doc:
    """The last attempt, if it still was open, with its end; cancelling between two attempts changes none of them."""
    attempts = row["doc"]["attempts"]
    if not attempts or attempts[-1]["finished_at"] is not None:
        return {}
    result = event.result
    ended_us = result.ended_at_us or meta.at_us
    ended = docs.attempt_ended(attempts[-1], result, ended_us, held_us=event.held_us, platform=platform)
    return {"attempts": [*attempts[:-1], ended], "log": ended["log"], "log_lines": result.log.lines}
