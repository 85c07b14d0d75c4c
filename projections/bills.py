"""Sums of charges: whole micro-euros added up by Postgres, so every grouping has the same total charged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.prices import REFERENCE
from domain.pricing import HOUR_US, price_of
from projections.listing import Filters, where_sql
from projections.table import plain_text

GROUPS_MAX = 10_000
NO_TAG = "(none)"
_REFERENCE = price_of(REFERENCE)
_WHOLE_HOUR = HOUR_US * _REFERENCE.cpu_millis * _REFERENCE.memory_bytes
_SHARE = f"""greatest(least(e.cpu_millis, {_REFERENCE.cpu_millis})::numeric * {_REFERENCE.memory_bytes},
                              least(e.memory_bytes, {_REFERENCE.memory_bytes})::numeric * {_REFERENCE.cpu_millis})"""
"""Of the reference node, in thousandths of a core times bytes: `domain.pricing` in SQL, so that what was held is added up
before it is rounded. Whole micro-euros of each short attempt would come to nothing together."""
_GROUPS = {
    "total": "''",
    "day": "to_char(c.day, 'YYYY-MM-DD')",
    "project": "e.project",
    "script": "e.script_path",
    "tag": f"CASE WHEN e.tags = '{{}}' THEN '{NO_TAG}' ELSE array_to_string(e.tags, ' ') END",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """One group of charges; times in microseconds, money in micro-euros."""

    group: str
    executions: int
    attempts: int
    held_us: int
    charged_micros: int
    equivalent_micros: int


@dataclass(frozen=True, slots=True)
class Bills:
    """Groups in the order of their names, at most GROUPS_MAX; `total` is of all charges, also of those `cut` off."""

    total: Bill
    groups: list[Bill]
    cut: bool


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One charged attempt."""

    execution_id: str
    attempt: int
    day: str
    node_id: str
    node_type: str
    held_us: int
    charged_micros: int
    equivalent_micros: int
    price_version: str


def bills_sql(
    account: str, by: str, filters: Filters, since_us: int | None, until_us: int | None
) -> tuple[str, list[Any]]:
    """`by`: total, day, project, script, tag (whole sets of tags) or `tag:KEY` (values of one tag).

    Sums and total are of one statement: what is charged meanwhile is in both or in neither. The total comes first.
    """
    where, values = where_sql(account, filters)
    for bound, sign in ((since_us, ">="), (until_us, "<")):
        if bound is not None:
            values.append(bound)
            where += f" AND c.charged_at_us {sign} ${len(values)}"
    group = _group(by, values)
    sql = f"""
        SELECT GROUPING(c.grouped) = 1, coalesce(c.grouped, ''), count(DISTINCT c.execution_id), count(*),
               coalesce(sum(c.held_us), 0)::bigint, coalesce(sum(c.charged_micros), 0)::bigint,
               round(coalesce(sum(c.held_us * c.share), 0) * {_REFERENCE.micros_per_hour} / {_WHOLE_HOUR})::bigint
        FROM (SELECT {group} AS grouped, {_SHARE} AS share, c.*
              FROM live.charges c JOIN live.executions e ON e.account = c.account AND e.id = c.execution_id
              WHERE {where}) c
        GROUP BY GROUPING SETS ((c.grouped), ()) ORDER BY 1 DESC, 2 LIMIT {GROUPS_MAX + 2}"""
    return sql, values


def bills_of(rows: Iterable[Any]) -> Bills:
    """What the statement answered."""
    total, *groups = (Bill(*tuple(row)[1:]) for row in rows)
    return Bills(total, groups[:GROUPS_MAX], len(groups) > GROUPS_MAX)


def _group(by: str, values: list[Any]) -> str:
    if by.startswith("tag:") and len(by) > len("tag:"):
        values.append(plain_text(by.removeprefix("tag:")) + "=")
        prefix = f"${len(values)}::text"
        value = f"SELECT substr(t, length({prefix}) + 1) FROM unnest(e.tags) t WHERE starts_with(t, {prefix}) LIMIT 1"
        return f"coalesce(({value}), '{NO_TAG}')"
    if by not in _GROUPS:
        known = ", ".join([*_GROUPS, "tag:KEY"])
        raise Invalid(f"Costs are not grouped by {by!r}. It can be one of: {known}", details={"by": by})
    return _GROUPS[by]


LINES_SQL = """
    SELECT execution_id, attempt, to_char(day, 'YYYY-MM-DD'), node_id, node_type, held_us, charged_micros,
           equivalent_micros, price_version
    FROM live.charges WHERE account = $1 AND execution_id = $2 ORDER BY attempt"""
