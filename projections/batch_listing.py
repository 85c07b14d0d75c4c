"""Lists of batches: filters that all must match, newest first."""

from __future__ import annotations

from typing import Any

from domain.errors import Invalid
from projections.listing import PAGE_MAX, Filters, condition_of, sequence_of


def batches_sql(columns: str, account: str, filters: Filters, cursor: str | None, limit: int) -> tuple[str, list[Any]]:
    """The statement and its values for one page and one row more; raises Invalid for a bad limit or cursor."""
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"limit is from 1 to {PAGE_MAX}, not {limit}", details={"limit": limit})
    condition = condition_of(account, filters, "b")
    condition.terms.append("b.phase <> ''")
    if cursor is not None:
        condition.add("b.submitted_sequence < {}", sequence_of(cursor))
    values = [*condition.values, limit + 1]
    order = f"ORDER BY b.submitted_sequence DESC LIMIT ${len(values)}"
    return f"SELECT {columns} FROM live.batches b WHERE {condition.sql} {order}", values
