"""What the folds of an execution have in common: its row and its document with something else in them."""

from __future__ import annotations

from typing import Any

from domain.execution import events as e
from domain.files import FileRef
from projections import execution_doc as docs
from projections.blob_refs import distinct
from projections.projection import Meta
from projections.table import Row, plain_text

QUEUED = {"phase": "queued", "status": "queued", "node_id": None, "incarnation": None, "started_at_us": None}


def changed(row: Row, meta: Meta, doc: docs.Doc, **columns: Any) -> Row:
    return {**row, **columns, "doc": {**row["doc"], **doc, "sequence": meta.position}}


def with_blobs(row: Row, *references: str) -> list[str]:
    """What it needs, and more; the same list when there is nothing new, which says so to who compares."""
    known: list[str] = row["blobs"]
    fresh = [each for each in references if each not in known]
    return known + (distinct(fresh) if len(fresh) > 1 else fresh) if fresh else known


def script_columns(script: FileRef) -> Row:
    return {
        "script_path": plain_text(script.path),
        "script_name": plain_text(script.path.rpartition("/")[2]),
        "script_sha256": script.sha256,
    }


def last_attempt(row: Row, **changes: Any) -> list[docs.Doc]:
    attempts = row["doc"]["attempts"]
    return [*attempts[:-1], {**attempts[-1], **changes}] if attempts else attempts


def attempt_over(
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
