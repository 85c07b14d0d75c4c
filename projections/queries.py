"""What people ask of the read models, by way of the gateway: executions, keys, costs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.errors import Invalid, NotFound
from projections.bills import LINES_SQL, Bills, ChargeLine, bills_of, bills_sql
from projections.grid_queries import GridQueries
from projections.listing import Filters, Page, cursor_of, page_sql

LAST = "@last"
PREFIX = re.compile(r"^[a-z0-9_]{1,64}$")
ID_PREFIX = "exec_"
_NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class KeyRow:
    key_id: str
    account: str
    secret_sha256: str
    label: str
    issued_at_us: int
    revoked_at_us: int | None


_KEY = ", ".join(KeyRow.__slots__)


class Queries(GridQueries):
    """What people ask, every account apart."""

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
    ) -> Bills:
        """Sums of what was charged in a time, by total, day, project, script, tag or `tag:KEY`; exact."""
        sql, values = bills_sql(account, by, filters, since_us, until_us)
        return bills_of(await self._database.fetch(sql, *values))

    async def charges(self, account: str, execution_id: str) -> list[ChargeLine]:
        """The lines of one execution's bill."""
        return [ChargeLine(*row) for row in await self._database.fetch(LINES_SQL, account, execution_id)]


def _unknown(text: str) -> NotFound:
    return NotFound(f"There is no execution {text[:80]!r}. List them with: rgrid ps", details={"id": text[:80]})
