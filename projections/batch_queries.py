"""What people ask about batches: one row for a batch, pages of its members, its failures by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from domain.batch.decider import FAILURES
from domain.errors import Invalid
from projections import batch_doc, batches
from projections.batch_listing import batches_sql
from projections.grid_queries import GridQueries
from projections.ids import BATCH_IDS
from projections.listing import PAGE_MAX, Filters, Page, cursor_of, sequence_of
from projections.members import MEMBER_COLUMNS, Doc, member, result

_NO_FILTERS = Filters()
_ROW = ", ".join(batches.TABLE.names)
FAILURES_MAX = 50


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Members in their order, and the cursor of the next page (None: this is the last one)."""

    items: list[Doc]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Members in the order in which they ended; the next page is `after` next_after. Empty: none has ended since."""

    items: list[Doc]
    next_after: int


class BatchQueries(GridQueries):
    """Every account apart."""

    async def get_batch(self, account: str, batch_id: str) -> Doc:
        """The JSON of `GET /batches/{id}`, by one primary key; raises NotFound."""
        sql = f"SELECT {_ROW} FROM live.batches WHERE account = $1 AND id = $2 AND phase <> ''"
        row = await self._database.fetch_one(sql, account, batch_id)
        if row is None:
            raise BATCH_IDS.not_found(batch_id)
        return batch_doc.document(batches.TABLE.decode(row))

    async def resolve_batch_id(self, account: str, text: str) -> str:
        """The id that `text` means: itself, a unique prefix (with or without `batch_`), or `@last`."""
        return await BATCH_IDS.resolve(self._database, account, text)

    async def list_batches(
        self, account: str, filters: Filters = _NO_FILTERS, *, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Newest first; of the filters status, project, tags, name, since and until matter. Raises Invalid."""
        sql, values = batches_sql(_ROW, account, filters, cursor, limit)
        rows = [batches.TABLE.decode(row) for row in await self._database.fetch(sql, *values)]
        items = [orjson.dumps(batch_doc.document(row)) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items, cursor_of(rows[limit - 1]["submitted_sequence"]) if more else None)

    async def batch_members(
        self,
        account: str,
        batch_id: str,
        *,
        status: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> MembersPage:
        """Members in their order, those of a status only; raises Invalid for a bad cursor or limit."""
        _check_limit(limit)
        values: list[Any] = [account, batch_id, limit + 1, sequence_of(cursor) if cursor else 0]
        sql = f"SELECT {MEMBER_COLUMNS} FROM live.executions WHERE account = $1 AND batch_id = $2 AND sequence > $4"
        if status:
            values.append([status] if isinstance(status, str) else [*status])
            sql += " AND status = ANY($5::text[])"
        rows = await self._database.fetch(f"{sql} ORDER BY sequence LIMIT $3", *values)
        more = len(rows) > limit
        return MembersPage(
            [member(row) for row in rows[:limit]], cursor_of(rows[limit - 1]["sequence"]) if more else None
        )

    async def batch_results(self, account: str, batch_id: str, *, after: int = 0, limit: int = 200) -> ResultsPage:
        """Members that ended behind position `after`, with their outputs, in the order of their ends."""
        _check_limit(limit)
        sql = f"""SELECT {MEMBER_COLUMNS} FROM live.executions
                  WHERE account = $1 AND batch_id = $2 AND ended_sequence > $3 ORDER BY ended_sequence LIMIT $4"""
        rows = await self._database.fetch(sql, account, batch_id, after, limit)
        return ResultsPage([result(row) for row in rows], rows[-1]["ended_sequence"] if rows else after)

    async def batch_failures(self, account: str, batch_id: str) -> list[Doc]:
        """Members that failed, by cause: `code`, `exit_code`, `count` and one `example`; most first.

        Lines that differ in a number, a name or a path only are of one cause: `pattern` is what they have in common, `error_line`
        that of the example.
        """
        sql = """SELECT reason_code, exit_code, error_group, count(*), min(sequence) AS first
                 FROM live.executions WHERE account = $1 AND batch_id = $2 AND status = ANY($3::text[])
                 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 LIMIT $4"""
        causes = await self._database.fetch(sql, account, batch_id, list(FAILURES), FAILURES_MAX)
        if not causes:
            return []
        sql = """SELECT sequence, id, member, error_line FROM live.executions
                 WHERE account = $1 AND batch_id = $2 AND sequence = ANY($3::bigint[])"""
        rows = await self._database.fetch(sql, account, batch_id, [cause["first"] for cause in causes])
        examples = {row["sequence"]: row for row in rows}
        return [
            {
                "code": code,
                "exit_code": exit_code,
                "error_line": examples[first]["error_line"] or None,
                "pattern": pattern or None,
                "count": count,
                "example": {"id": examples[first]["id"], "member": examples[first]["member"]},
            }
            for code, exit_code, pattern, count, first in causes
        ]

    async def expired_members(self, account: str, batch_id: str, statuses: Sequence[str]) -> int:
        """How many members of a batch ended so and have no files any more."""
        sql = """SELECT count(*) FROM live.executions
                 WHERE account = $1 AND batch_id = $2 AND status = ANY($3::text[]) AND released"""
        row = await self._database.fetch_one(sql, account, batch_id, list(statuses))
        return row[0] if row else 0


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= PAGE_MAX:
        raise Invalid(f"limit is from 1 to {PAGE_MAX}, not {limit}", details={"limit": limit})
