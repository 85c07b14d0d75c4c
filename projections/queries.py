"""Everything the gateway and the services ask of the read models. Reads may be stale; `wait_for` makes them fresh enough."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

import orjson

from domain.errors import Invalid, NotFound
from domain.node.events import NodeJoined
from domain.node.offer import Offer
from projections.bills import LINES_SQL, Bill, ChargeLine, bills_sql
from projections.database import Database
from projections.listing import Filters, Page, cursor_of, page_sql
from projections.store import Stand
from projections.table import plain_text
from projections.waiting import Positions

LAST = "@last"
PREFIX = re.compile(r"^[a-z0-9_]{1,64}$")
ID_PREFIX = "exec_"
HISTORY_RUNS = 20
STALLED_MAX = 500
_NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Seen:
    """What executions submitted earlier used already: this script's content, its path, and which of the inputs."""

    script_hash: bool
    script_path: bool
    inputs: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyRow:
    key_id: str
    account: str
    secret_sha256: str
    label: str
    issued_at_us: int
    revoked_at_us: int | None


_KEY = ", ".join(KeyRow.__slots__)


class Queries:
    """Read only, every account apart. All raise Unavailable when Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions = Positions(database)

    async def wait_for(self, min_seq: int, timeout_seconds: float = 5.0) -> int:
        """The stored position, at least `min_seq`; Unavailable (PROJECTIONS_BEHIND) when that takes longer."""
        return await self._positions.wait_for(min_seq, timeout_seconds)

    async def position(self) -> int:
        """Position of the last commit in the read models, 0 when there is none."""
        row = await self._database.fetch_one("SELECT position FROM live.positions")
        return row[0] if row else 0

    async def stand(self) -> Stand | None:
        row = await self._database.fetch_one("SELECT position, generation, shape FROM live.positions")
        return Stand(*row) if row else None

    async def close(self) -> None:
        await self._positions.close()

    async def get_execution(self, account: str, execution_id: str) -> bytes:
        """The JSON of `GET /executions/{id}`; raises NotFound."""
        sql = "SELECT doc FROM live.executions WHERE account = $1 AND id = $2"
        row = await self._database.fetch_one(sql, account, execution_id)
        if row is None:
            raise _unknown(execution_id)
        doc: str = row[0]
        return doc.encode()

    async def resolve_id(self, account: str, text: str) -> str:
        """The id that `text` means: itself, a unique prefix (with or without `exec_`), or `@last`, the last submitted."""
        if text == LAST:
            sql = "SELECT id FROM live.executions WHERE account = $1 ORDER BY sequence DESC LIMIT 1"
            row = await self._database.fetch_one(sql, account)
            if row is None:
                raise NotFound("There is no execution yet. Start one: rgrid run SCRIPT", details={"id": text})
            return str(row[0])
        prefix = text.lower()
        prefix = prefix if prefix.startswith(ID_PREFIX) else ID_PREFIX + prefix
        if not PREFIX.match(prefix) or prefix == ID_PREFIX:
            raise _unknown(text)
        sql = "SELECT id FROM live.executions WHERE account = $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT 3"
        found = [row[0] for row in await self._database.fetch(sql, account, prefix, prefix + "\x7f")]
        if not found:
            raise _unknown(text)
        if len(found) > 1 and found[0] != prefix:
            message = f"{text!r} is the beginning of several ids. Type more of it."
            raise Invalid(message, code="AMBIGUOUS_ID", details={"id": text, "matches": found})
        return str(found[0])

    async def list_executions(
        self, account: str, filters: Filters = _NO_FILTERS, *, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Newest first; raises Invalid for a bad cursor or limit."""
        sql, values = page_sql(account, filters, cursor, limit)
        rows = await self._database.fetch(sql, *values)
        more = len(rows) > limit
        return Page([row[1].encode() for row in rows[:limit]], cursor_of(rows[limit - 1][0]) if more else None)

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

    async def nodes(self) -> list[dict[str, Any]]:
        """Every node that ever joined; `status` is joined, lost or left."""
        return [orjson.loads(row[0]) for row in await self._database.fetch("SELECT doc FROM live.nodes ORDER BY id")]

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        """How every node joined that is there now, by its id."""
        return {doc["id"]: _joined(doc) for doc in await self.nodes() if doc["status"] == "joined"}

    async def nodes_lost(self) -> dict[str, NodeJoined]:
        """How every node had joined that was lost and is not back, by its id."""
        return {doc["id"]: _joined(doc) for doc in await self.nodes() if doc["status"] == "lost"}

    async def key(self, key_id: str) -> KeyRow | None:
        """The key by its public id (revoked ones too), whichever account first issued it."""
        sql = f"SELECT {_KEY} FROM live.keys WHERE key_id = $1 ORDER BY sequence LIMIT 1"
        row = await self._database.fetch_one(sql, key_id)
        return KeyRow(*row) if row else None

    async def keys(self, account: str) -> list[KeyRow]:
        sql = f"SELECT {_KEY} FROM live.keys WHERE account = $1 ORDER BY issued_at_us, key_id"
        return [KeyRow(*row) for row in await self._database.fetch(sql, account)]

    async def bills(
        self,
        account: str,
        by: str = "total",
        filters: Filters = _NO_FILTERS,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> list[Bill]:
        """Sums of what was charged in a time, by total, day, project, script, tag or `tag:KEY`; exact."""
        sql, values = bills_sql(account, by, filters, since_us, until_us)
        return [Bill(*row) for row in await self._database.fetch(sql, *values)]

    async def charges(self, account: str, execution_id: str) -> list[ChargeLine]:
        """The lines of one execution's bill."""
        return [ChargeLine(*row) for row in await self._database.fetch(LINES_SQL, account, execution_id)]

    async def seen(self, account: str, script_path: str, script_sha256: str, hashes: set[str], before: int) -> Seen:
        """What of a job was used by executions submitted before position `before`."""
        earlier = "SELECT FROM live.executions WHERE account = $1 AND sequence < $2"
        sql = f"""SELECT EXISTS ({earlier} AND script_sha256 = $3), EXISTS ({earlier} AND script_path = $4),
                  ARRAY(SELECT sha256 FROM live.blobs WHERE account = $1 AND sequence < $2 AND sha256 = ANY($5::text[]))"""
        row = await self._database.fetch_one(
            sql, account, before, script_sha256, plain_text(script_path), sorted(hashes)
        )
        return Seen(row[0], row[1], frozenset(row[2])) if row else Seen(False, False, frozenset())

    async def history_seconds(self, account: str, script_sha256: str) -> float | None:
        """Median wall time of the last runs of this script that succeeded, None when there were none."""
        sql = """SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY run.us) / 1e6 FROM (
                     SELECT finished_at_us - started_at_us AS us FROM live.executions
                     WHERE account = $1 AND script_sha256 = $2 AND status = 'succeeded' AND started_at_us IS NOT NULL
                     ORDER BY sequence DESC LIMIT $3) run"""
        row = await self._database.fetch_one(sql, account, script_sha256, HISTORY_RUNS)
        return row[0] if row else None


def _joined(doc: dict[str, Any]) -> NodeJoined:
    values = {each.name: doc[each.name] for each in fields(Offer)}
    return NodeJoined(doc["incarnation"], Offer(**{**values, "runtimes": tuple(doc["runtimes"])}))


def _unknown(text: str) -> NotFound:
    return NotFound(f"There is no execution {text[:80]!r}. List them with: rgrid ps", details={"id": text[:80]})
