"""Lists of batches: filters that all must match, newest first."""

from __future__ import annotations

from typing import Any

from domain.errors import Invalid
from projections.listing import PAGE_MAX, Filters, sequence_of
from projections.table import plain_text
from projections.tags import tag_texts


def batches_sql(columns: str, account: str, filters: Filters, cursor: str | None, limit: int) -> tuple[str, list[Any]]:
    """The statement and its values for one page and one row more; raises Invalid for a bad limit or cursor."""
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"limit is from 1 to {PAGE_MAX}, not {limit}", details={"limit": limit})
    values: list[Any] = [account]
    terms = ["account = $1", "phase <> ''"]

    def add(term: str, value: Any) -> None:
        values.append(plain_text(value) if isinstance(value, str) else value)
        terms.append(term.format(f"${len(values)}"))

    if filters.status:
        add("status = ANY({}::text[])", [filters.status] if isinstance(filters.status, str) else [*filters.status])
    if filters.project:
        add("project = {}", filters.project)
    if filters.tags:
        add("tags <> '{{}}' AND tags @> {}::text[]", tag_texts(dict(filters.tags)))
    if filters.name:
        add("name <> '' AND name = {}", filters.name)
    if filters.since_us is not None:
        add("submitted_at_us >= {}", filters.since_us)
    if filters.until_us is not None:
        add("submitted_at_us < {}", filters.until_us)
    if cursor is not None:
        add("submitted_sequence < {}", sequence_of(cursor))
    values.append(limit + 1)
    where, order = " AND ".join(terms), f"ORDER BY submitted_sequence DESC LIMIT ${len(values)}"
    return f"SELECT {columns} FROM live.batches WHERE {where} {order}", values
