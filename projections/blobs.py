"""Which file contents an account's executions ever named, and since when: what the resolver calls a hit."""

from __future__ import annotations

from typing import Any

from domain.execution.events import ExecutionSubmitted
from projections.projection import Meta, On, Projection
from projections.table import Row, Table

TABLE = Table("blobs", {"account": "text", "sha256": "text", "sequence": "bigint"}, key=("account", "sha256"))


def contents(event: ExecutionSubmitted) -> set[str]:
    """SHA-256 of the script and of every input (or of the manifest that lists them)."""
    inputs = event.job.inputs
    found = {event.job.script.sha256, *(entry.sha256 for entry in inputs.entries)}
    return found | {inputs.manifest} if inputs.manifest else found


def seen(row: Row | None, sha256: str, meta: Meta) -> Row:
    """The first sighting counts."""
    return row or {"account": meta.account, "sha256": sha256, "sequence": meta.position}


def _key(sha256: Any, meta: Meta) -> tuple[str, str]:
    return (meta.account, sha256)


BLOBS = Projection(TABLE, {ExecutionSubmitted: On(seen, _key, parts=contents)})
