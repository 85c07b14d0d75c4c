"""What the services ask of the read models, of all accounts: what waits, what hangs, what was seen before."""

from __future__ import annotations

from dataclasses import dataclass

from projections.batch_service_queries import BatchServiceQueries
from projections.environment_queries import EnvironmentQueries
from projections.history_queries import HistoryQueries
from projections.retention_queries import RetentionQueries
from projections.table import plain_text

HISTORY_RUNS = 20
STALLED_MAX = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """What executions submitted earlier used already: this script's content, its path, and which of the inputs."""

    script_hash: bool
    script_path: bool
    inputs: frozenset[str]


class ServiceQueries(BatchServiceQueries, EnvironmentQueries, HistoryQueries, RetentionQueries):
    """Hints, not truth: a service decides on the log."""

    async def open_executions(self) -> list[tuple[str, str]]:
        """(account, id) of all that have not ended, of all accounts, in the order of submission."""
        sql = "SELECT account, id FROM live.executions WHERE phase <> 'finished' ORDER BY sequence"
        return [(row[0], row[1]) for row in await self._database.fetch(sql)]

    async def leased_executions(self) -> dict[str, list[tuple[str, str]]]:
        """(account, id) of what is assigned or running, by the node that holds it."""
        sql = """SELECT node_id, account, id FROM live.executions
                 WHERE phase <> 'finished' AND phase IN ('assigned', 'running') ORDER BY sequence"""
        held: dict[str, list[tuple[str, str]]] = {}
        for node_id, account, execution_id in await self._database.fetch(sql):
            held.setdefault(node_id, []).append((account, execution_id))
        return held

    async def unresolved_executions(self, before_us: int) -> list[tuple[str, str]]:
        """(account, id) of what was submitted before that time and is not resolved yet (the first STALLED_MAX)."""
        sql = """SELECT account, id FROM live.executions
                 WHERE phase <> 'finished' AND phase = 'submitted' AND submitted_at_us < $1 ORDER BY sequence LIMIT $2"""
        return [(row[0], row[1]) for row in await self._database.fetch(sql, before_us, STALLED_MAX)]

    async def unsettled_executions(self, before_us: int) -> list[tuple[str, str]]:
        """(account, id) of what ended before that time and has no final cost yet (the first STALLED_MAX)."""
        sql = """SELECT account, id FROM live.executions
                 WHERE phase = 'finished' AND final_micros IS NULL AND finished_at_us < $1 ORDER BY sequence LIMIT $2"""
        return [(row[0], row[1]) for row in await self._database.fetch(sql, before_us, STALLED_MAX)]

    async def seen(self, account: str, script_path: str, script_sha256: str, hashes: set[str], before: int) -> Seen:
        """What of a job was used by executions submitted before position `before`."""
        earlier = "SELECT FROM live.executions WHERE account = $1 AND sequence < $2"
        sql = f"""SELECT EXISTS ({earlier} AND script_sha256 = $3), EXISTS ({earlier} AND script_path = $4),
                  ARRAY(SELECT sha256 FROM live.blobs WHERE account = $1 AND sequence < $2 AND sha256 = ANY($5::text[]))"""
        row = await self._database.fetch_one(
            sql, account, before, script_sha256, plain_text(script_path), sorted(hashes)
        )
        return Seen(row[0], row[1], frozenset(row[2])) if row else Seen(False, False, frozenset())

    async def last_of_script(self, account: str, script_path: str, before: int) -> str | None:
        """The last execution of the script at that path that was submitted before position `before`."""
        sql = """SELECT id FROM live.executions WHERE account = $1 AND script_path = $2 AND sequence < $3
                 ORDER BY sequence DESC LIMIT 1"""
        row = await self._database.fetch_one(sql, account, plain_text(script_path), before)
        return row[0] if row else None

    async def history_seconds(self, account: str, script_sha256: str) -> float | None:
        """Median wall time of the last runs of this script that succeeded, None when there were none."""
        sql = """SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY run.us) / 1e6 FROM (
                     SELECT finished_at_us - started_at_us AS us FROM live.executions
                     WHERE account = $1 AND script_sha256 = $2 AND status = 'succeeded' AND started_at_us IS NOT NULL
                     ORDER BY sequence DESC LIMIT $3) run"""
        row = await self._database.fetch_one(sql, account, script_sha256, HISTORY_RUNS)
        return row[0] if row else None
