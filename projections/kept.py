"""How long files and logs of what has ended are kept: by the policy of its project as it is today, so never stored."""

from __future__ import annotations

from typing import Any

from domain.retention import DAY_US, DAYS_DEFAULT
from projections.execution_doc import iso

KEPT_UNTIL = f"CASE WHEN NOT e.released THEN e.finished_at_us + coalesce(r.days, {DAYS_DEFAULT}) * {DAY_US}::bigint END"
"""Microseconds since 1970; null while it has not ended, and when its files are gone (its document then says since when)."""
POLICY = "LEFT JOIN live.retentions r ON r.account = e.account AND r.project = e.project"


def with_kept_until(doc: str, released: bool, kept_until_us: int | None) -> bytes:
    """The stored document of an execution with `kept_until`, which is put at its end unparsed."""
    if released:
        return doc.encode()
    text = "null" if kept_until_us is None else f'"{iso(kept_until_us)}"'
    return f'{doc[:-1]},"kept_until":{text}}}'.encode()


def documents(rows: list[Any]) -> list[bytes]:
    """Of rows that have the columns doc, released and kept_until_us."""
    return [with_kept_until(row["doc"], row["released"], row["kept_until_us"]) for row in rows]
