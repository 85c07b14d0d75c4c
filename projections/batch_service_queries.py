"""What services ask about batches: which are open, and which members a decision about a batch reaches."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from projections.grid_queries import GridQueries

OPEN = ("queued", "provisioning", "running")


class OpenBatch(NamedTuple):
    account: str
    id: str


class BatchServiceQueries(GridQueries):
    """Hints, not truth: a service decides on the log."""

    async def open_batches(self) -> list[OpenBatch]:
        """All that are not recorded as finished, of all accounts, in the order of submission."""
        sql = """SELECT account, id FROM live.batches WHERE phase <> 'finished' AND phase <> ''
                 ORDER BY submitted_sequence"""
        return [OpenBatch(*row) for row in await self._database.fetch(sql)]

    async def batch_member_ids(self, account: str, batch_id: str, statuses: Collection[str] | None = None) -> list[str]:
        """The ids of a batch's members in their order: those of `statuses`, or those that have not ended."""
        sql = "SELECT id FROM live.executions WHERE account = $1 AND batch_id = $2 AND status = ANY($3::text[])"
        wanted = list(OPEN if statuses is None else statuses)
        rows = await self._database.fetch(f"{sql} ORDER BY sequence", account, batch_id, wanted)
        return [row[0] for row in rows]

    async def ended_members(self, account: str, batch_id: str) -> list[tuple[str, str, int]]:
        """(id, status, position of the end) of the members that have ended, in the order of their ends."""
        sql = """SELECT id, status, ended_sequence FROM live.executions
                 WHERE account = $1 AND batch_id = $2 AND ended_sequence IS NOT NULL ORDER BY ended_sequence"""
        return [(row[0], row[1], row[2]) for row in await self._database.fetch(sql, account, batch_id)]
