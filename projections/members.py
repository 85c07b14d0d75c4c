"""The JSON of one member of a batch, as pages of them hold it: short, so that a page of a hundred stays small."""

from __future__ import annotations

from typing import Any

import orjson

MEMBER_COLUMNS = "sequence, id, member, member_index, ended_sequence, doc"
Doc = dict[str, Any]


def member(row: Any) -> Doc:
    """A line of the list of members."""
    return _short(row, orjson.loads(row["doc"]))


def result(row: Any) -> Doc:
    """How a member ended, with its outputs; `entries` is null when they stand in a manifest."""
    doc = orjson.loads(row["doc"])
    short, outputs = _short(row, doc), doc["outputs"]
    inline = outputs is not None and not outputs["manifest"]
    entries = [dict(entry) for entry in outputs["entries"]] if inline else None
    return {
        **short,
        "outputs": {**short["outputs"], "entries": entries},
        "outputs_refused": doc["outputs_refused"],
        "log_lines": doc["log_lines"],
        "artifacts_expired": doc["artifacts_expired"],
        "sequence": row["ended_sequence"],
    }


def _short(row: Any, doc: Doc) -> Doc:
    reason, outputs = doc["reason"], doc["outputs"] or {"count": 0, "size_bytes": 0}
    return {
        "index": row["member_index"],
        "member": row["member"],
        "id": row["id"],
        "status": doc["status"],
        "exit_code": doc["exit_code"],
        "reason": reason and {"code": reason["code"], "message": reason["message"]},
        "attempt": doc["attempt"],
        "duration_ms": doc["duration_ms"],
        "cost_micros": doc["cost"]["charged_micros"],
        "outputs": {
            "count": outputs["count"],
            "size_bytes": outputs["size_bytes"],
            "refused": doc["outputs_refused_count"],
        },
        "error_line": doc["error_line"],
        "reused_from": doc["reused_from"],
    }
