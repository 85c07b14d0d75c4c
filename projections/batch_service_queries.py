"""What services ask about batches: which are open, and which members a decision about a batch reaches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from projections import batches
from projections.batches import COUNTED
from projections.grid_queries import GridQueries

ENDED = ("succeeded", "failed", "timed_out", "cancelled", "lost")


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that is not recorded as finished. `counts`: members by status, as the read models know them."""

    account: str
    id: str
    phase: str
    count: int
    members: int
    parallel: int
    failures_max: int
    round: int
    cancelling: bool
    stopped: bool
    sequence: int
    counts: dict[str, int]


class BatchServiceQueries(GridQueries):
    """Hints, not truth: a service decides on the log."""

    async def open_batches(self) -> list[OpenBatch]:
        """All that are not finished, of all accounts, in the order of submission."""
        names = ", ".join(batches.TABLE.names)
        sql = f"SELECT {names} FROM live.batches WHERE phase <> 'finished' AND phase <> '' ORDER BY submitted_sequence"
        found = []
        for record in await self._database.fetch(sql):
            row = batches.TABLE.decode(record)
            doc = row["doc"]
            found.append(
                OpenBatch(
                    row["account"],
                    row["id"],
                    row["phase"],
                    doc["count"],
                    row["members"],
                    doc["parallel"],
                    doc["failures_max"],
                    row["round"],
                    row["cancelling"],
                    doc["stopped"] is not None,
                    row["sequence"],
                    {status: row[status] for status in COUNTED},
                )
            )
        return found

    async def batch_member_ids(
        self, account: str, batch_id: str, *, statuses: Collection[str] | None = None, open_only: bool = False
    ) -> list[tuple[str, str]]:
        """(id, status) of a batch's members in their order: all, those of `statuses`, or those that have not ended."""
        sql = "SELECT id, status FROM live.executions WHERE account = $1 AND batch_id = $2"
        values: list[object] = [account, batch_id]
        if statuses is not None:
            values.append(list(statuses))
            sql += " AND status = ANY($3::text[])"
        if open_only:
            sql += " AND phase <> 'finished'"
        return [(row[0], row[1]) for row in await self._database.fetch(f"{sql} ORDER BY sequence", *values)]
