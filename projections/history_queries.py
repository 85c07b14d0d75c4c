"""What earlier runs tell about the next one: whether one of them serves for it, and how long it may take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from projections.grid_queries import GridQueries

DURATIONS_MAX = 1000
Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds that the last runs of a script took (those that succeeded and ran): the quickest tenth, the middle, the
    slowest tenth. `runs` of them, at most DURATIONS_MAX."""

    runs: int
    p10: float
    p50: float
    p90: float


class Ran(NamedTuple):
    """A run that succeeded: its `result` as plain data (`from_plain(AttemptResult, ...)`), and the life of its node."""

    id: str
    result: Doc
    node_id: str
    incarnation: str


class HistoryQueries(GridQueries):
    """Every account apart."""

    async def memo(self, account: str, keys: Collection[str]) -> dict[str, Ran]:
        """By memo key the last run that succeeded, was itself no reuse of another, and whose files are still there."""
        sql = """SELECT DISTINCT ON (memo_key) memo_key, id, doc, node_id, incarnation FROM live.executions
                 WHERE account = $1 AND memo_key = ANY($2::text[]) AND status = 'succeeded' AND NOT released
                 AND incarnation IS NOT NULL
                 ORDER BY memo_key, sequence DESC"""
        rows = await self._database.fetch(sql, account, list(keys))
        return {
            row["memo_key"]: Ran(row["id"], _result(orjson.loads(row["doc"])), row["node_id"], row["incarnation"])
            for row in rows
        }

    async def durations(self, account: str, script_sha256: str) -> Durations | None:
        """None when no run of this script has succeeded."""
        sql = """SELECT count(*), percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY run.us / 1e6) FROM (
                     SELECT finished_at_us - started_at_us AS us FROM live.executions
                     WHERE account = $1 AND script_sha256 = $2 AND status = 'succeeded' AND started_at_us IS NOT NULL
                     ORDER BY sequence DESC LIMIT $3) run"""
        row = await self._database.fetch_one(sql, account, script_sha256, DURATIONS_MAX)
        return Durations(row[0], *row[1]) if row and row[0] else None


def _result(doc: Doc) -> Doc:
    outputs, log = doc["outputs"], doc["log"]
    return {
        "status": doc["status"],
        "reason": doc["reason"],
        "exit_code": doc["exit_code"],
        "signal": doc["signal"],
        "usage": doc["usage"],
        "outputs": outputs,
        **({"log": log} if log else {}),
    }
