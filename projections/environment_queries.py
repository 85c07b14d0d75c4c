"""What is asked of environments: which there are, what was made of a lock, which nobody used for long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from domain.environment.lookup import Made
from projections.execution_doc import Doc, iso
from projections.grid_queries import GridQueries
from projections.ids import ENVIRONMENT_IDS
from projections.listing import PAGE_MAX, Condition, cursor_of, sequence_of
from projections.table import plain_text

LOOKED_BACK_MAX = 1000
"""So many of the last executions of a script are looked at for what they needed."""
_USED = """live.environments v LEFT JOIN LATERAL (
    SELECT e.id, e.script_path, e.doc, greatest(e.submitted_at_us, e.assigned_at_us, e.finished_at_us) AS at_us
    FROM live.executions e WHERE e.account = v.account AND e.environment_lock = v.lock
    ORDER BY e.sequence DESC LIMIT 1) used ON true"""
_USED_AT = "greatest(v.built_at_us, used.at_us)"
_OF_SCRIPT = f"""v.lock IN (SELECT environment_lock FROM (
    SELECT environment_lock FROM live.executions
    WHERE account = $1 AND (script_path = {{0}} OR script_name = {{0}} OR script_sha256 = {{0}})
    ORDER BY sequence DESC LIMIT {LOOKED_BACK_MAX}) ran WHERE environment_lock IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class EnvironmentFilters:
    """What a list is narrowed to; None or empty: no matter. `script`: path, name or SHA-256 of one that needed it lately.
    `gone`: also those that were thrown away."""

    script: str | None = None
    unused_since_us: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class LastLock:
    """What an earlier execution of a script needed."""

    kind: str
    sha256: str


class EnvironmentQueries(GridQueries):
    """Every account apart, unless it says otherwise."""

    async def made_of(self, account: str, kind: str, lock: str, builds: bool) -> list[Made]:
        """Whatever was made of one lock, for any target, the last built first; good or not."""
        sql = """SELECT id, target, packages, build_ms, nodes, NOT released, pruned, invalidated_by FROM live.environments
                 WHERE account = $1 AND lock = $2 AND kind = $3 AND builds = $4 ORDER BY built_at_us DESC, id"""
        rows = await self._database.fetch(sql, account, lock, kind, builds)
        return [Made(row[0], row[1], row[2], row[3], tuple(row[4]), row[5], row[6], row[7]) for row in rows]

    async def last_other_lock(self, account: str, script_path: str, lock: str, before: int) -> LastLock | None:
        """What the last execution of that script path needed that had another lock, among the LOOKED_BACK_MAX last before
        position `before`."""
        sql = f"""SELECT doc FROM (SELECT sequence, environment_lock, doc FROM live.executions
                      WHERE account = $1 AND script_path = $2 AND sequence < $3
                      ORDER BY sequence DESC LIMIT {LOOKED_BACK_MAX}) ran
                  WHERE environment_lock IS NOT NULL AND environment_lock <> $4 ORDER BY sequence DESC LIMIT 1"""
        row = await self._database.fetch_one(sql, account, plain_text(script_path), before, lock)
        found = orjson.loads(row[0])["environment"] if row else None
        return LastLock(found["kind"], found["lock"]["sha256"]) if found else None

    async def environments(
        self, account: str, filters: EnvironmentFilters, *, cursor: str | None = None, limit: int = PAGE_MAX
    ) -> tuple[list[Doc], str | None]:
        """A page, the first built last, and the cursor of the next; raises Invalid for a bad cursor."""
        condition = _condition(account, filters)
        if cursor is not None:
            condition.add("v.sequence < {}", sequence_of(cursor))
        condition.values.append(limit + 1)
        sql = f"""SELECT v.*, {_USED_AT} AS used_at_us, used.id AS used_by, used.script_path AS script, used.doc AS doc
                  FROM {_USED} WHERE {condition.sql} ORDER BY v.sequence DESC LIMIT ${len(condition.values)}"""
        rows = await self._database.fetch(sql, *condition.values)
        following = cursor_of(rows[limit - 1]["sequence"]) if len(rows) > limit else None
        return [_document(row) for row in rows[:limit]], following

    async def environment_totals(self, account: str, filters: EnvironmentFilters) -> dict[str, int]:
        """How many all that match are, what they take on the nodes together, and packed in the store."""
        condition = _condition(account, filters)
        sql = f"""SELECT count(*), coalesce(sum(v.size_bytes * cardinality(v.nodes)), 0)::bigint,
                  coalesce(sum(v.archive_bytes), 0)::bigint FROM {_USED} WHERE {condition.sql}"""
        row = await self._database.fetch_one(sql, *condition.values)
        count, size_bytes, archive_bytes = row if row else (0, 0, 0)
        return {"count": count, "size_bytes": size_bytes, "archive_bytes": archive_bytes}

    async def resolve_environment(self, account: str, text: str) -> str:
        """The id that `text` means: itself, a unique beginning of it, or `@last`, the one that was built first last."""
        return await ENVIRONMENT_IDS.resolve(self._database, account, text)

    async def unused_environments(self, since_us: int, limit: int) -> list[tuple[str, str, int]]:
        """(account, id, when it was used last) of the good ones of all accounts that nobody used since then."""
        sql = f"""SELECT v.account, v.id, {_USED_AT} FROM {_USED}
                  WHERE NOT v.released AND v.built_at_us < $1 AND {_USED_AT} < $1 ORDER BY v.account, v.id LIMIT $2"""
        return [(row[0], row[1], row[2]) for row in await self._database.fetch(sql, since_us, limit)]


def _condition(account: str, filters: EnvironmentFilters) -> Condition:
    condition = Condition(["v.account = $1"], [account])
    if not filters.gone:
        condition.terms.append("NOT v.released")
    if filters.script:
        condition.add(_OF_SCRIPT, filters.script)
    if filters.unused_since_us is not None:
        condition.add(f"{_USED_AT} < {{}}", filters.unused_since_us)
    return condition


def _document(row: Any) -> Doc:
    used = orjson.loads(row["doc"])["environment"] if row["doc"] else None
    gone_us = row["invalidated_at_us"]
    return {
        "id": row["id"],
        "status": ("pruned" if row["pruned"] else "invalidated") if row["released"] else "good",
        "kind": row["kind"],
        "lock": row["lock"],
        "target": row["target"],
        "builds": row["builds"],
        "source": used["source"] if used else None,
        "packages": row["packages"],
        "size_bytes": row["size_bytes"],
        "build_ms": row["build_ms"],
        "built_at": iso(row["built_at_us"]),
        "built_by": row["built_by"],
        "nodes": list(row["nodes"]),
        "archive": {"sha256": row["blobs"][0], "size_bytes": row["archive_bytes"]} if row["blobs"] else None,
        "used_at": iso(row["used_at_us"]),
        "used_by": row["used_by"],
        "script": row["script"],
        "invalidated_at": iso(gone_us) if gone_us is not None else None,
        "invalidated_by": row["invalidated_by"] or None,
        "sequence": row["sequence"],
    }
