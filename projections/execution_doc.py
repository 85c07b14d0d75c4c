"""The JSON of one execution, piece by piece, as `GET /executions/{id}` answers it (schema_version 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef, FileSet
from domain.money import CURRENCY
from projections.projection import Meta

SCHEMA_VERSION = 1
Doc = dict[str, Any]


def submitted(event: e.ExecutionSubmitted, meta: Meta) -> Doc:
    """The document of an execution that was just asked for; later folds replace values, they add no keys."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": meta.id,
        "batch_id": event.batch_id or None,
        "member": event.member or None,
        "name": event.name,
        "project": event.project,
        "tags": dict(event.tags),
        "priority": event.priority,
        "status": "queued",
        "cancelling": False,
        "reason": None,
        "exit_code": None,
        "signal": None,
        "error_line": None,
        "memoize": event.memoize,
        "reused_from": None,
        "attempt": 0,
        "attempts_max": event.job.retries + 1,
        "retry_at": None,
        **_job(event.job),
        "node_id": None,
        "submitted_at": iso(meta.at_us),
        "submitted_by": meta.actor,
        "started_at": None,
        "finished_at": None,
        "duration_ms": None,
        "cache": None,
        "usage": None,
        "cost": _cost(),
        "outputs": None,
        "outputs_refused": [],
        "outputs_refused_count": 0,
        "log": None,
        "log_lines": 0,
        "attempts": [],
        "artifacts_expired": False,
        "submitted_sequence": meta.position,
        "sequence": meta.position,
    }


def script(ref: FileRef) -> Doc:
    return {"path": ref.path, "sha256": ref.sha256, "size_bytes": ref.size_bytes}


def _job(job: Job) -> Doc:
    limits = job.limits
    return {
        "runtime": job.runtime,
        "script": script(job.script),
        "args": list(job.args),
        "inputs": {
            "count": job.inputs.count + job.shared.count,
            "size_bytes": job.inputs.size_bytes + job.shared.size_bytes,
        },
        "env": dict(job.env),
        "secrets": [{"name": each.name, "form": each.form} for each in job.secrets],
        "limits": {
            "cpu_millis": limits.cpu_millis,
            "memory_bytes": limits.memory_bytes,
            "timeout_seconds": limits.timeout_seconds,
            "disk_bytes": limits.disk_bytes,
        },
        "network": job.network,
        "retries": job.retries,
        "environment": environment(job),
    }


def environment(job: Job) -> Doc | None:
    """What it runs in, where that is more than the node's own interpreter; None: it is not."""
    found = job.environment
    if not (found or job.interpreter or job.image):
        return None
    return {
        "kind": found.kind if found else None,
        "source": found.source if found else None,
        "lock": script(found.lock) if found else None,
        "builds": found.builds if found else False,
        "interpreter": job.interpreter or None,
        "image": job.image or None,
    }


def _cost() -> Doc:
    """`charged_micros` is what was billed so far, `final_micros` the same once nothing more can come."""
    return {
        "estimated_micros": None,
        "running_micros": None,
        "charged_micros": None,
        "final_micros": None,
        "equivalent_micros": None,
        "currency": CURRENCY,
        "price_version": None,
        "basis": None,
    }


def attempt(event: e.ExecutionAssigned, meta: Meta) -> Doc:
    """The entry of an attempt whose node was just chosen."""
    return {
        "attempt": event.attempt,
        "node_id": event.node_id,
        "node_type": event.node_type,
        "incarnation": event.incarnation,
        "sandbox": None,
        "status": "provisioning",
        "platform": False,
        "reason": None,
        "exit_code": None,
        "signal": None,
        "error_line": None,
        "assigned_at": iso(meta.at_us),
        "started_at": None,
        "finished_at": None,
        "held_us": None,
        "usage": None,
        "log": None,
        "charged_micros": None,
    }


def attempt_ended(entry: Doc, result: e.AttemptResult, ended_us: int, *, held_us: int, platform: bool) -> Doc:
    started = entry["started_at"] or (iso(result.started_at_us) if result.started_at_us else None)
    return {
        **entry,
        "status": result.status,
        "platform": platform,
        "reason": reason(result.reason),
        "exit_code": result.exit_code,
        "signal": result.signal,
        "error_line": result.error_line or None,
        "started_at": started,
        "finished_at": iso(ended_us),
        "held_us": held_us,
        "usage": usage(result.usage),
        "log": log(result.log),
    }


def reason(value: e.Reason) -> Doc:
    return {"code": value.code, "message": value.message, "hint": value.hint}


def usage(value: e.Usage) -> Doc:
    return {"cpu_ms": value.cpu_ms, "memory_peak_bytes": value.memory_peak_bytes, "wall_ms": value.wall_ms}


def log(value: e.LogSummary) -> Doc:
    return {
        "chunks": value.chunks,
        "lines": value.lines,
        "stdout_lines": value.stdout_lines,
        "stderr_lines": value.stderr_lines,
        "size_bytes": value.size_bytes,
        "dropped_lines": value.dropped_lines,
        "dropped_bytes": value.dropped_bytes,
        "archive": value.archive,
    }


def outputs(files: FileSet) -> Doc:
    return {
        "count": files.count,
        "size_bytes": files.size_bytes,
        "manifest": files.manifest,
        "entries": [
            {"path": entry.path, "size_bytes": entry.size_bytes, "sha256": entry.sha256, "mode": entry.mode}
            for entry in files.entries
        ],
    }


def lookup(value: e.Lookup) -> Doc:
    return {"result": value.result, "reason": value.reason}


def iso(at_us: int) -> str:
    """ISO 8601, UTC, milliseconds (cut, not rounded: nothing seems to happen before it did)."""
    minutes, ms = divmod(at_us // 1000, 60_000)
    return _day(minutes // 1440) + _MINUTES[minutes % 1440] + _SECONDS[ms // 1000] + _MILLISECONDS[ms % 1000]


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")


_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440)]
_SECONDS = [f":{second:02d}" for second in range(60)]
_MILLISECONDS = [f".{ms:03d}Z" for ms in range(1000)]
