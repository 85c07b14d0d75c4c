"""Builds the read models anew from the log, beside the live ones, and puts them in their place while reads go on."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import asyncpg

from domain.errors import Unavailable, WrongState
from projections import tables
from projections.database import Database, translated
from projections.folding import Folding, Poison
from projections.projection import LogReader
from projections.store import CHANNEL, create, load, lock_writers, stand, write
from projections.table import Key, Row, Table

CLOSE_SECONDS = 10.0
NEXT, OLD = "next", "old"
REBUILD_LOCK = 0x7267_7269_6402
ROWS_UNWRITTEN_MAX = 20_000
"""So many changed rows are gathered before they are written: most lives then end in memory and are written once."""
READ_BATCH = 2000
CATCH_UP_MAX = 2000
"""Once the log is no more than this ahead, the rest is applied while the projector waits."""

BULK_SETTINGS = {"synchronous_commit": "off", "jit": "off", "maintenance_work_mem": "128MB"}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Built:
    """What a rebuild did."""

    position: int
    commits: int = 0
    rows: int = 0
    poisons: list[Poison] = field(default_factory=list)


class Builder:
    """Fills one empty schema from the log, on a connection of its own."""

    def __init__(self, connection: asyncpg.Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._folding = Folding(self._load, rows_cached_max=2 * ROWS_UNWRITTEN_MAX, empty=True)
        self.built = Built(0)

    async def create(self, generation: int) -> None:
        """An empty schema without its secondary indexes; what an earlier try left under its name is dropped."""
        with translated():
            await drop_schema(self._connection, self._schema)
            async with self._connection.transaction():
                await create(self._connection, self._schema, generation, indexes=False)

    async def fill(self, log: LogReader, until: int) -> None:
        """Apply every commit up to position `until`."""
        with uncollected():
            async for batch in log.read(self.built.position, until=until, batch=READ_BATCH):
                self.built.poisons += await self._folding.fold(batch)
                self.built.commits += len(batch)
                self.built.position = batch[-1].position
                if self._folding.dirty_count() >= ROWS_UNWRITTEN_MAX:
                    await self._write()
            await self._write()

    async def index(self, database: Database) -> None:
        """Two at a time: Postgres sorts on one core for each."""
        waiting = [
            *tables.index_sql(self._schema),
            *(f"ANALYZE {self._schema}.{table.name}" for table in tables.TABLES),
        ]

        async def work(connection: asyncpg.Connection) -> None:
            while waiting:
                await connection.execute(waiting.pop(0))

        other = await database.connect(server_settings=BULK_SETTINGS)
        try:
            with translated():
                await asyncio.gather(work(self._connection), work(other))
        finally:
            other.terminate()

    async def _write(self) -> None:
        with translated():
            self.built.rows += await write(self._connection, self._schema, self._folding, bulk=True)
            await self._connection.execute(f"UPDATE {self._schema}.positions SET position = $1", self.built.position)
        self._folding.written()

    async def _load(self, table: Table, keys: Sequence[Key]) -> list[Row]:
        return await load(self._connection, self._schema, table, keys)


@contextmanager
def uncollected() -> Iterator[None]:
    """Rows and events hold no cycles, so counting references frees them; looking for cycles would take a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


async def rebuild(database: Database, log: LogReader) -> Built:
    """Build a new set of read models from the log and swap it in. Raises WrongState when another rebuild is under way.

    Readers and the projector may go on; the projector waits for the moment of the swap and then finds the new position.
    """
    async with alone(database) as connection:
        with translated():
            live = await stand(connection)
        builder = Builder(connection, NEXT)
        await builder.create((live.generation if live else 0) + 1)
        await builder.fill(log, await log.last_position())
        await builder.index(database)
        while (last := await log.last_position()) - builder.built.position > CATCH_UP_MAX:
            await builder.fill(log, last)
        await _swap(connection, builder, log)
        await drop_schema(connection, OLD)
        return builder.built


async def _swap(connection: asyncpg.Connection, builder: Builder, log: LogReader) -> None:
    """Catch up with the live position while nobody writes, then rename: readers see the old tables or the new ones."""
    with translated():
        await drop_schema(connection, OLD)
        async with connection.transaction():
            await lock_writers(connection)
            await builder.fill(log, await log.last_position())
            if await stand(connection) is not None:
                await connection.execute(f"ALTER SCHEMA {tables.LIVE} RENAME TO {OLD}")
            await connection.execute(f"ALTER SCHEMA {NEXT} RENAME TO {tables.LIVE}")
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(builder.built.position))


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own on which only one rebuild or check runs at a time."""
    connection = await database.connect(server_settings=BULK_SETTINGS)
    try:
        with translated():
            free = await connection.fetchval("SELECT pg_try_advisory_lock($1)", REBUILD_LOCK)
        if not free:
            raise WrongState("Another rebuild or check is running. Wait for it to end.", code="REBUILD_RUNNING")
        yield connection
    except asyncpg.DiskFullError as error:
        raise Unavailable("The disk is full: a rebuild needs as much room as the read models take.") from error
    finally:
        await _let_go(connection)


async def _let_go(connection: asyncpg.Connection) -> None:
    """When it is closed in good order, the server has forgotten its lock: the next one need not be refused."""
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


async def drop_schema(connection: asyncpg.Connection, schema: str) -> None:
    """Table by table: a reader that still holds one of them cannot be waited for while another one is held."""
    found = "SELECT tablename FROM pg_tables WHERE schemaname = $1"
    with translated():
        for row in await connection.fetch(found, schema):
            await connection.execute(f'DROP TABLE IF EXISTS {schema}."{row[0]}"')
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
