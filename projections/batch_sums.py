"""Sums of a batch's row over its members: the difference between what each member was and what it is.

A member counts by what stands in its row and by nothing else, so the sums are those of a GROUP BY over the members,
whatever happened to them and in whatever portions it was folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections import batches
from projections.batch_doc import status_of
from projections.rollup import Rollup
from projections.table import Key, Row

VALUE_MAX = 2**44
"""What one member can add to a sum, so that no word of a runner makes a sum too large for its column."""
Change = tuple[Row | None, Row] | None
"""A member before and after; None: the batch itself changed."""


def changes(old: Row | None, new: Row, _position: int) -> Sequence[tuple[Key, Change]]:
    """Of a member, or of the batch itself."""
    if "batch_id" not in new:
        return (((new["account"], new["id"]), None),)
    return (((new["account"], new["batch_id"]), (old, new)),) if new["batch_id"] else ()


def summed(row: Row | None, key: Key, found: Sequence[Change]) -> Row:
    """The batch after all changes: of each member only its first and its last state matter."""
    first: dict[str, Row | None] = {}
    last: dict[str, Row] = {}
    for change in found:
        if change is not None:
            first.setdefault(change[1]["id"], change[0])
            last[change[1]["id"]] = change[1]
    batch = dict(row or batches.unknown(key))
    touched = -1
    for member_id, new in last.items():
        old = first[member_id]
        if old is None:
            new["member_index"] = batch["members"]
            batch["members"] += 1
        else:
            _add(batch, old, -1)
        _add(batch, new, 1)
        sequence, version = new["doc"]["sequence"], new["doc"]["cost"]["price_version"]
        batch["sequence"] = max(batch["sequence"], sequence)
        if version is not None and sequence > touched:
            touched, batch["price_version"] = sequence, version
        began = new["first_started_us"]
        if began is not None and (batch["started_at_us"] is None or began < batch["started_at_us"]):
            batch["started_at_us"] = began
    batch["status"] = status_of(batch)
    batch["released"] = batch["phase"] == "finished" and 0 < batch["members"] == batch["expired"]
    return batch


def _add(batch: Row, member: Row, sign: int) -> None:
    batch[member["status"]] += sign
    for name, value in _values(member):
        if value:
            batch[name] += sign * min(max(value, 0), VALUE_MAX)


def _values(member: Row) -> tuple[tuple[str, int | None], ...]:
    """What a member adds to the sums."""
    doc: dict[str, Any] = member["doc"]
    usage, cost, outputs = doc["usage"], doc["cost"], doc["outputs"]
    return (
        ("reused", doc["reused_from"] is not None),
        ("expired", member["released"]),
        ("cpu_ms", usage and usage["cpu_ms"]),
        ("run_ms", doc["duration_ms"]),
        ("estimated_micros", cost["estimated_micros"]),
        ("charged_micros", cost["charged_micros"]),
        ("held_us", sum(each["held_us"] or 0 for each in doc["attempts"])),
        ("outputs_count", outputs and outputs["count"]),
        ("outputs_bytes", outputs and outputs["size_bytes"]),
        ("outputs_refused", doc["outputs_refused_count"]),
    )


SUMS = Rollup(("executions", "batches"), "batches", changes, summed)
