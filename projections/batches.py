"""Batches, one row each: what was asked for and decided by the folds here, sums of the members by `batch_sums`."""

from __future__ import annotations

from typing import Any

from domain.batch import events as e
from domain.errors import DamagedHistory
from projections import batch_doc as docs
from projections.blob_refs import shared_blobs
from projections.projection import Fold, Meta, On, Projection
from projections.table import Key, Row, Table, plain_text
from projections.tags import tag_texts

SUMS = (
    "reused",
    "expired",
    "cpu_ms",
    "run_ms",
    "estimated_micros",
    "charged_micros",
    "held_us",
    "outputs_count",
    "outputs_bytes",
    "outputs_refused",
)

TABLE = Table(
    "batches",
    {
        "account": "text",
        "id": "text",
        "submitted_sequence": "bigint",
        "sequence": "bigint",
        "phase": "text",
        "status": "text",
        "project": "text",
        "name": "text",
        "tags": "text[]",
        "submitted_at_us": "bigint",
        "started_at_us": "bigint",
        "finished_at_us": "bigint",
        "round": "int",
        "cancelling": "boolean",
        "expanded": "boolean",
        "members": "int",
        **dict.fromkeys(docs.STATUSES, "int"),
        **dict.fromkeys(SUMS, "bigint"),
        "price_version": "text",
        "released": "boolean",
        "blobs": "text[]",
        "doc": "json",
    },
    key=("account", "id"),
    indexes=(
        "(account, submitted_sequence)",
        "(account, project, submitted_sequence)",
        "(account, name, submitted_sequence) WHERE name <> ''",
        "(submitted_sequence) WHERE phase <> 'finished'",
        "USING gin (tags) WHERE tags <> '{}'",
    ),
)
UNKNOWN: Row = {
    **dict.fromkeys(TABLE.columns),
    "sequence": 0,
    "phase": "",
    "status": "",
    "project": "",
    "name": "",
    "tags": [],
    "round": 0,
    "cancelling": False,
    "expanded": False,
    "members": 0,
    **dict.fromkeys((*docs.STATUSES, *SUMS), 0),
    "released": False,
    "blobs": [],
    "doc": {},
}
"""A batch of which only members are known: its own history is damaged. Nobody is shown it."""


def unknown(key: Key) -> Row:
    return {**UNKNOWN, "account": key[0], "id": key[1]}


def submitted(row: Row | None, event: e.BatchSubmitted, meta: Meta) -> Row:
    return {
        **(row or unknown((meta.account, meta.id))),
        "submitted_sequence": meta.position,
        "sequence": meta.position,
        "phase": "submitted",
        "status": "queued",
        "project": plain_text(event.project),
        "name": plain_text(event.name),
        "tags": tag_texts(event.tags),
        "submitted_at_us": meta.at_us,
        "blobs": shared_blobs(event),
        "doc": docs.submitted(event, meta),
    }


def expanded(row: Row, event: e.BatchExpanded, meta: Meta) -> Row:
    return _changed(row, meta, {}, phase="open", expanded=True)


def delayed(row: Row, event: e.BatchDelayed, meta: Meta) -> Row:
    """Why those of its members wait that do."""
    return _changed(row, meta, {"waits": docs.reason(event.reason)})


def stopped(row: Row, event: e.BatchStopped, meta: Meta) -> Row:
    return _changed(row, meta, {"stopped": docs.reason(event.reason), "reason": docs.reason(event.reason)})


def cancel_requested(row: Row, event: e.BatchCancelRequested, meta: Meta) -> Row:
    reason = {"code": "CANCELLED", "message": "Somebody cancelled it.", "hint": ""}
    return _changed(row, meta, {"reason": reason}, cancelling=True)


def retried(row: Row, event: e.BatchRetried, meta: Meta) -> Row:
    changes: docs.Doc = {"stopped": None, "reason": None}
    blobs = row["blobs"]
    if event.script:
        changes["script"] = docs.script(event.script)
        blobs = [*blobs, event.script.sha256]
    again = {"phase": "submitted", "cancelling": False, "finished_at_us": None, "round": row["round"] + 1}
    return _changed(row, meta, changes, **again, blobs=blobs)


def finished(row: Row, event: e.BatchFinished, meta: Meta) -> Row:
    return _changed(row, meta, {"waits": None}, phase="finished", finished_at_us=meta.at_us)


def _changed(row: Row, meta: Meta, doc: docs.Doc, **columns: Any) -> Row:
    return {**row, **columns, "sequence": meta.position, "doc": {**row["doc"], **doc} if doc else row["doc"]}


def _known(fold: Fold) -> Fold:
    """Only a submitted batch can have further events."""

    def checked(row: Row | None, event: Any, meta: Meta) -> Row | None:
        if row is None or not row["phase"]:
            raise DamagedHistory(f"{type(event).__name__} of {meta.id}, which the log has no submission of.")
        return fold(row, event, meta)

    return checked


_FOLDS: dict[type, Any] = {
    e.BatchExpanded: expanded,
    e.BatchDelayed: delayed,
    e.BatchStopped: stopped,
    e.BatchCancelRequested: cancel_requested,
    e.BatchRetried: retried,
    e.BatchFinished: finished,
}


def _key(_event: Any, meta: Meta) -> Key:
    return (meta.account, meta.id)


BATCHES = Projection(
    TABLE,
    {e.BatchSubmitted: On(submitted, _key), **{event: On(_known(fold), _key) for event, fold in _FOLDS.items()}},
)
