"""Proves that the read models are what the log says: builds them once more and compares row by row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from domain.errors import DamagedHistory, NotFound
from projections import tables
from projections.database import Database, translated
from projections.projection import LogReader
from projections.rebuild import Builder, alone, drop_schema
from projections.store import stand
from projections.table import Key, Table

SCRATCH = "scratch"
DIFFERENCES_MAX = 10
ROWS_FETCHED = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same: `live` and `rebuilt` hold the values that differ, None for a row that is missing."""

    table: str
    key: Key
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None


@dataclass(slots=True)
class Checked:
    """`differences` are the first ones, at most DIFFERENCES_MAX."""

    position: int
    rows: int = 0
    differences: list[Difference] = field(default_factory=list)


async def check(database: Database, log: LogReader) -> Checked:
    """Compare the live tables with what the log gives at their position; nothing waits for it.

    Raises NotFound without read models, DamagedHistory when the log ends before their position.
    """
    reader = await database.connect()
    try:
        async with alone(database) as connection:
            try:
                with translated():
                    return await _checked(reader, connection, log)
            finally:
                await drop_schema(connection, SCRATCH)
    finally:
        reader.terminate()


async def _checked(reader: asyncpg.Connection, connection: asyncpg.Connection, log: LogReader) -> Checked:
    """The live tables are read in one snapshot, taken first; the projector goes on meanwhile."""
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        live = await stand(reader)
        if live is None:
            raise NotFound("There are no read models yet. Build them with: rgrid projections rebuild")
        if await log.last_position() < live.position:
            raise DamagedHistory(f"The read models stand at {live.position}, but the log ends before that.")
        builder = Builder(connection, SCRATCH)
        await builder.create(live.generation)
        await builder.fill(log, live.position)
        checked = Checked(live.position)
        async with connection.transaction():
            for table in tables.TABLES:
                await _compare(table, _rows(reader, tables.LIVE, table), _rows(connection, SCRATCH, table), checked)
                if len(checked.differences) >= DIFFERENCES_MAX:
                    break
        return checked


async def _rows(connection: asyncpg.Connection, schema: str, table: Table) -> AsyncIterator[asyncpg.Record]:
    """In the order of the key, as Python compares it (the key's text columns have collation C)."""
    sql = f"SELECT {', '.join(table.names)} FROM {schema}.{table.name} ORDER BY {', '.join(table.key)}"
    async for record in connection.cursor(sql, prefetch=ROWS_FETCHED):
        yield record


async def _compare(
    table: Table, live: AsyncIterator[asyncpg.Record], rebuilt: AsyncIterator[asyncpg.Record], checked: Checked
) -> None:
    """Walk both in the order of the key."""
    ours, theirs = await anext(live, None), await anext(rebuilt, None)
    while (ours is not None or theirs is not None) and len(checked.differences) < DIFFERENCES_MAX:
        checked.rows += 1
        key_live = _key(table, ours)
        key_rebuilt = _key(table, theirs)
        if key_live == key_rebuilt and ours is not None and theirs is not None:
            if tuple(ours) != tuple(theirs):
                names = [name for name in table.names if ours[name] != theirs[name]]
                checked.differences.append(
                    Difference(table.name, key_live, {n: ours[n] for n in names}, {n: theirs[n] for n in names})
                )
            ours, theirs = await anext(live, None), await anext(rebuilt, None)
        elif theirs is None or (ours is not None and key_live < key_rebuilt):
            assert ours is not None
            checked.differences.append(Difference(table.name, key_live, dict(ours), None))
            ours = await anext(live, None)
        else:
            checked.differences.append(Difference(table.name, key_rebuilt, None, dict(theirs)))
            theirs = await anext(rebuilt, None)


def _key(table: Table, record: asyncpg.Record | None) -> Key:
    return () if record is None else tuple(record[name] for name in table.key)
