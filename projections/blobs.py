"""Which file contents an account's executions, batches and environments named, since when, and how many of them still need it."""

from __future__ import annotations

from collections.abc import Sequence

from projections.projection import Projection
from projections.rollup import Rollup
from projections.table import Key, Row, Table

TABLE = Table(
    "blobs",
    {"account": "text", "sha256": "text", "sequence": "bigint", "kind": "text", "holders": "bigint"},
    key=("account", "sha256"),
    indexes=("(account, sha256) WHERE kind <> '' AND holders > 0",),
)
Change = tuple[int, str, int]
"""Position, kind of the blob, and how many more (or fewer) need it."""


def _held(row: Row | None) -> Sequence[str]:
    return () if row is None or row["released"] else row["blobs"]


def changes(old: Row | None, new: Row, position: int) -> Sequence[tuple[Key, Change]]:
    """The blobs that a row (of an execution, a batch or an environment) holds now and did not before, or the other way round."""
    if old is not None and old["blobs"] is new["blobs"] and old["released"] is new["released"]:
        return ()
    before, after = _held(old), _held(new)
    account, kept = new["account"], set(after)
    found: list[tuple[Key, Change]] = []
    for reference in kept.symmetric_difference(before):
        kind, _, sha256 = reference.rpartition(":")
        found.append(((account, sha256), (position, kind, 1 if reference in kept else -1)))
    return found


def counted(row: Row | None, key: Key, found: Sequence[Change]) -> Row:
    """The first sighting counts. A blob that lists others stays one, whoever names it as a plain file."""
    kinds, holders = (row["kind"], row["holders"]) if row else ("", 0)
    return {
        "account": key[0],
        "sha256": key[1],
        "sequence": min(row["sequence"] if row else found[0][0], *(change[0] for change in found)),
        "kind": max(kinds, *(change[1] for change in found)),
        "holders": holders + sum(change[2] for change in found),
    }


BLOBS = Projection(TABLE, {})
REFERENCES = Rollup(("executions", "batches", "environments"), "blobs", changes, counted)
