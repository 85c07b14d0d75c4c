"""How long files and logs of what has ended are kept: by the policy of its project as it is today, so never stored."""

from __future__ import annotations

from domain.retention import DAY_US, DAYS_DEFAULT
from projections.execution_doc import iso

KEPT_UNTIL = f"CASE WHEN NOT e.released THEN e.finished_at_us + coalesce(r.days, {DAYS_DEFAULT}) * {DAY_US}::bigint END"
"""Microseconds since 1970; null while it has not ended, and when its files are gone (its document then says since when)."""
POLICY = "LEFT JOIN live.retentions r ON r.account = e.account AND r.project = e.project"


DOCUMENT = f"convert_to(e.doc, 'UTF8') AS doc, e.released, {KEPT_UNTIL} AS kept_until_us"
"""What `with_kept_until` makes the answer of. As bytes: a page of documents is handed on and never looked into."""


def with_kept_until(doc: bytes, released: bool, kept_until_us: int | None) -> bytes:
    """The stored document of an execution with `kept_until`, which is put at its end unparsed."""
    if released:
        return doc
    text = b"null" if kept_until_us is None else f'"{iso(kept_until_us)}"'.encode()
    return b"".join((memoryview(doc)[:-1], b',"kept_until":', text, b"}"))
