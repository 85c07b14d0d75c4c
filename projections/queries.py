"""What people ask of the read models, by way of the gateway: executions, keys, costs."""

from __future__ import annotations

from dataclasses import dataclass

from projections.batch_queries import BatchQueries
from projections.bills import LINES_SQL, Bills, ChargeLine, bills_of, bills_sql
from projections.environment_queries import EnvironmentQueries
from projections.history_queries import HistoryQueries
from projections.ids import EXECUTION_IDS
from projections.kept import DOCUMENT, POLICY, with_kept_until
from projections.listing import Filters, Page, cursor_of, page_sql
from projections.secret_queries import SecretQueries

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


class Queries(BatchQueries, EnvironmentQueries, HistoryQueries, SecretQueries):
    """What people ask, every account apart."""

    async def get_execution(self, account: str, execution_id: str) -> bytes:
        """The JSON of `GET /executions/{id}`; raises NotFound."""
        sql = f"SELECT {DOCUMENT} FROM live.executions e {POLICY} WHERE e.account = $1 AND e.id = $2"
        row = await self._database.fetch_one(sql, account, execution_id)
        if row is None:
            raise EXECUTION_IDS.not_found(execution_id)
        return with_kept_until(*row)

    async def resolve_id(self, account: str, text: str) -> str:
        """The id that `text` means: itself, a unique prefix (with or without `exec_`), or `@last`, the last submitted."""
        return await EXECUTION_IDS.resolve(self._database, account, text)

    async def list_executions(
        self, account: str, filters: Filters = _NO_FILTERS, *, cursor: str | None = None, limit: int = 50
    ) -> Page:
        """Newest first; raises Invalid for a bad cursor or limit."""
        sql, values = page_sql(account, filters, cursor, limit)
        rows = await self._database.fetch(sql, *values)
        shown = rows[:limit]
        return Page(
            [with_kept_until(doc, released, kept_until_us) for _, _, doc, released, kept_until_us in shown],
            cursor_of(rows[limit - 1][0]) if len(rows) > limit else None,
            tuple([at for at, row in enumerate(shown) if row[1] is None]),
        )

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
