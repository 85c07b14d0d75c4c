"""What the janitor asks: whose files are due to go, and which blobs are still needed by anyone."""

from __future__ import annotations

from collections.abc import Collection

from projections.grid_queries import GridQueries
from projections.retentions import DAYS_DEFAULT

EXPIRED_MAX = 1000
DAY_US = 86_400_000_000


class RetentionQueries(GridQueries):
    """Of all accounts."""

    async def expired(self, now_us: int, *, limit: int = EXPIRED_MAX) -> list[tuple[str, str, int]]:
        """(account, id, kept_until_us) of executions whose files are past their time and not recorded as gone; the first
        that ended first."""
        sql = """SELECT e.account, e.id, e.finished_at_us + coalesce(r.days, $2) * $3::bigint
                 FROM live.executions e
                 LEFT JOIN live.retentions r ON r.account = e.account AND r.project = e.project
                 WHERE e.phase = 'finished' AND NOT e.released
                   AND e.finished_at_us + coalesce(r.days, $2) * $3::bigint <= $1
                 ORDER BY e.finished_at_us LIMIT $4"""
        rows = await self._database.fetch(sql, now_us, DAYS_DEFAULT, DAY_US, limit)
        return [(row[0], row[1], row[2]) for row in rows]

    async def blob_needed(self, account: str, hashes: Collection[str]) -> set[str]:
        """Those of `hashes` that an execution whose files are kept, or a batch with such members, names itself. What
        stands in a manifest is not known here: see `blob_lists`."""
        sql = "SELECT sha256 FROM live.blobs WHERE account = $1 AND sha256 = ANY($2::text[]) AND holders > 0"
        return {row[0] for row in await self._database.fetch(sql, account, list(hashes))}

    async def blob_lists(self) -> list[tuple[str, str, str]]:
        """(account, sha256, kind) of every blob that is needed and lists others, which are needed with it: `manifest` (of
        files) or `members` (of a batch)."""
        sql = "SELECT account, sha256, kind FROM live.blobs WHERE kind <> '' AND holders > 0 ORDER BY account, sha256"
        return [(row[0], row[1], row[2]) for row in await self._database.fetch(sql)]
