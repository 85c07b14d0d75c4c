"""Lists of executions: filters that all must match, newest first, pages that stay put while new ones arrive."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain.errors import Invalid
from projections.kept import DOCUMENT, POLICY
from projections.table import plain_text
from projections.tags import tag_texts

PAGE_MAX = 200
NO_BATCH = "none"
"""As the filter `batch`: executions that belong to none, so that a list is not all members of one batch."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None or empty: no matter. `since_us` <= submitted < `until_us`.

    `script` is the path it was run by, the last part of that path, or its SHA-256.
    """

    status: str | tuple[str, ...] | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    script: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Documents as JSON bytes, and the cursor of the next page (None: this is the last one). `unsettled`: where in `items`
    those stand whose bill is not final."""

    items: list[bytes]
    next_cursor: str | None
    unsettled: tuple[int, ...] = ()

    def body(self) -> bytes:
        """The whole answer; the documents are passed through, not parsed."""
        return b'{"items":[' + b",".join(self.items) + b'],"next_cursor":' + orjson.dumps(self.next_cursor) + b"}"


def page_sql(account: str, filters: Filters, cursor: str | None, limit: int) -> tuple[str, list[Any]]:
    """The statement and its values for one page and one row more; raises Invalid for a bad limit or cursor."""
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"limit is from 1 to {PAGE_MAX}, not {limit}", details={"limit": limit})
    where, values = where_sql(account, filters)
    if cursor is not None:
        values.append(sequence_of(cursor))
        where += f" AND e.sequence < ${len(values)}"
    values.append(limit + 1)
    order = f"ORDER BY e.sequence DESC LIMIT ${len(values)}"
    return (
        f"SELECT e.sequence, e.final_micros, {DOCUMENT} FROM live.executions e {POLICY} WHERE {where} {order}",
        values,
    )


def where_sql(account: str, filters: Filters) -> tuple[str, list[Any]]:
    """The condition on `live.executions e` and its values."""
    condition = condition_of(account, filters, "e")
    if filters.script:
        condition.add("(e.script_path = {0} OR e.script_sha256 = {0} OR e.script_name = {0})", filters.script)
    if filters.batch == NO_BATCH:
        condition.terms.append("e.batch_id IS NULL")
    elif filters.batch:
        condition.add("e.batch_id = {}", filters.batch)
    return condition.sql, condition.values


@dataclass
class Condition:
    """Terms that all must hold, and the values of their placeholders."""

    terms: list[str]
    values: list[Any]

    def add(self, term: str, value: Any) -> None:
        """`term` with `{}` where its value stands."""
        self.values.append(plain_text(value) if isinstance(value, str) else value)
        self.terms.append(term.format(f"${len(self.values)}"))

    @property
    def sql(self) -> str:
        return " AND ".join(self.terms)


def condition_of(account: str, filters: Filters, row: str) -> Condition:
    """What executions and batches are filtered by alike; `row` is the alias of their table."""
    condition = Condition([f"{row}.account = $1"], [account])
    if filters.status:
        wanted = [filters.status] if isinstance(filters.status, str) else [*filters.status]
        condition.add(f"{row}.status = ANY({{}}::text[])", wanted)
    if filters.project:
        condition.add(f"{row}.project = {{}}", filters.project)
    if filters.tags:
        condition.add(f"{row}.tags <> '{{{{}}}}' AND {row}.tags @> {{}}::text[]", tag_texts(dict(filters.tags)))
    if filters.name:
        condition.add(f"{row}.name <> '' AND {row}.name = {{}}", filters.name)
    if filters.since_us is not None:
        condition.add(f"{row}.submitted_at_us >= {{}}", filters.since_us)
    if filters.until_us is not None:
        condition.add(f"{row}.submitted_at_us < {{}}", filters.until_us)
    return condition


def cursor_of(sequence: int) -> str:
    """Opaque to callers; a position of the log, so inserts do not move it."""
    return base64.urlsafe_b64encode(b"s%d" % sequence).decode().rstrip("=")


def sequence_of(cursor: str) -> int:
    """Raises Invalid for what was never given out."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        number = int(text[1:])
        if not 0 <= number < 2**63 or cursor_of(number) != cursor:
            raise ValueError(text)
    except (ValueError, binascii.Error) as error:
        message = "The cursor is not one that a list gave out. Start again without it."
        raise Invalid(message, code="INVALID_CURSOR", details={"cursor": cursor[:80]}) from error
    return number
