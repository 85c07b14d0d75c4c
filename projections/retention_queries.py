"""What the janitor asks: whose files are due to go, and which blobs are still needed by anyone."""

from __future__ import annotations

from collections.abc import Collection

from domain.retention import DAY_US, DAYS_DEFAULT
from projections.grid_queries import GridQueries
from projections.kept import KEPT_UNTIL, POLICY

EXPIRED_MAX = 1000
_SHORTEST = f"(SELECT least({DAYS_DEFAULT}, min(days)) FROM live.retentions) * {DAY_US}::bigint"
"""Nothing that ended later than this can be due: what is scanned is then what is found, and not all that is kept."""


class RetentionQueries(GridQueries):
    """Of all accounts."""

    async def expired(self, now_us: int, *, limit: int = EXPIRED_MAX) -> list[tuple[str, str, int]]:
        """(account, id, kept_until_us) of executions whose files are past their time and not recorded as gone; the first
        that ended first."""
        sql = f"""SELECT e.account, e.id, {KEPT_UNTIL} FROM live.executions e {POLICY}
                  WHERE e.phase = 'finished' AND NOT e.released AND {KEPT_UNTIL} <= $1 AND e.finished_at_us <= $1 - {_SHORTEST}
                  ORDER BY e.finished_at_us LIMIT $2"""
        rows = await self._database.fetch(sql, now_us, limit)
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
