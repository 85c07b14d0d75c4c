"""Keeps the read models beside the log: a batch of commits and the position behind it, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from projections import tables
from projections.database import Connection, Database, translated
from projections.folding import Folding, Poison
from projections.projection import RecordedLike
from projections.table import Key, Row, Table

CHANNEL = "rgrid_position"
WRITERS_LOCK = 0x7267_7269_6401
"""Advisory lock that every writer of the live schema holds during its transaction: one projector at a time, and a
rebuilt schema cannot take its place in the middle of one. A lock on a row would not do: the row moves with the swap."""

MOVE = """WITH moved AS (UPDATE live.positions SET position = $1 RETURNING position)
          SELECT pg_notify($2, $3) FROM moved"""

logger = logging.getLogger(__name__)
OnPoison = Callable[[Poison], Awaitable[None]]


class Stand(NamedTuple):
    """How far the read models are: position of the last commit in them, and which build of them it is."""

    position: int
    generation: int
    shape: str

    @property
    def outdated(self) -> bool:
        """They were made by other code and must be built anew."""
        return self.shape != tables.shape()


class Gap(Exception):
    """The batch begins further on than the read models stand (they came up from an older backup, or empty): read the log
    again from behind `position`."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the read models stand at {position}")
        self.position = position


class Projector:
    """Applies batches to the live schema. Two of them at once are safe: who comes second skips what is already there.

    `on_poison` is awaited for every commit that cannot be folded, before the position moves past it; if it raises, the
    batch is not applied.
    """

    def __init__(self, database: Database, on_poison: OnPoison) -> None:
        self._database = database
        self._on_poison = on_poison
        self._connection: Connection | None = None
        self._folding = Folding(self._load)
        self._stand: Stand | None = None

    async def prepare(self) -> Stand:
        """Create the live schema where there is none; how far it is. Raises Unavailable."""
        async with self._database.connection() as connection, connection.transaction():
            await lock_writers(connection)
            return await stand(connection) or await create(connection, tables.LIVE)

    async def apply(self, batch: Sequence[RecordedLike]) -> int:
        """Apply what is not applied yet of `batch` (in log order, no gaps) and return the stored position.

        Raises Unavailable, and Gap when commits between the stored position and the batch are missing.
        """
        try:
            async with self._database.connection() as connection, connection.transaction():
                self._connection = connection
                return await self._apply(connection, batch)
        except BaseException:
            self._folding.forget()
            self._stand = None
            raise

    async def _apply(self, connection: Connection, batch: Sequence[RecordedLike]) -> int:
        await lock_writers(connection)
        current = await stand(connection) or await create(connection, tables.LIVE)
        if current != self._stand:
            self._folding.forget()
        fresh = [recorded for recorded in batch if recorded.position > current.position]
        if not fresh:
            self._stand = current
            return current.position
        if fresh[0].position > current.position + 1:
            raise Gap(current.position)
        for poison in await self._folding.fold(fresh):
            await self._on_poison(poison)
        await write(connection, tables.LIVE, self._folding)
        position = fresh[-1].position
        await connection.execute(MOVE, position, CHANNEL, str(position))
        self._folding.written()
        self._stand = current._replace(position=position)
        return position

    async def _load(self, table: Table, keys: Sequence[Key]) -> list[Row]:
        assert self._connection is not None
        return await load(self._connection, tables.LIVE, table, keys)


async def lock_writers(connection: Connection) -> None:
    """Until the end of the transaction. What is lost by a crash is folded again, so no commit waits for the disk."""
    await connection.execute(f"SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


async def stand(connection: Connection, schema: str = tables.LIVE) -> Stand | None:
    """How far a schema is, None when there is none."""
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.positions"):
        return None
    row = await connection.fetchrow(f"SELECT position, generation, shape FROM {schema}.positions")
    return None if row is None else Stand(*row)


async def create(connection: Connection, schema: str, generation: int = 1, *, indexes: bool = True) -> Stand:
    """A new, empty schema at position 0."""
    for sql in [*tables.create_sql(schema), *(tables.index_sql(schema) if indexes else ())]:
        await connection.execute(sql)
    shape = tables.shape()
    await connection.execute(f"INSERT INTO {schema}.positions VALUES ('log', 0, $1, $2)", generation, shape)
    return Stand(0, generation, shape)


async def load(connection: Connection, schema: str, table: Table, keys: Sequence[Key]) -> list[Row]:
    """The stored rows among `keys`."""
    records = await connection.fetch(table.load_sql(schema), *(list(column) for column in zip(*keys, strict=True)))
    return [table.decode(record) for record in records]


async def write(connection: Connection, schema: str, folding: Folding, *, bulk: bool = False) -> int:
    """Write every changed row; in `bulk` new rows go by COPY. Returns how many there were."""
    count = 0
    with translated():
        for rows in folding.tables.values():
            table = rows.table
            count += len(rows.dirty)
            fresh = [table.encode(row) for key, row in rows.unwritten() if bulk and key not in rows.stored]
            known = [table.encode(row) for key, row in rows.unwritten() if not bulk or key in rows.stored]
            if fresh:
                await connection.copy_records_to_table(
                    table.name, schema_name=schema, columns=list(table.names), records=fresh
                )
            if known:
                await connection.executemany(table.upsert_sql(schema), known)
    return count
