"""The projector follows a log through crashes of Postgres, and halts when the log lost what was read from it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from domain.account.events import AccountOpened
from domain.errors import DamagedHistory
from projections.check import check
from projections.database import Database
from projections.folding import Poison
from projections.queries import Queries
from services.projector import project
from services.runtime.log import Commit, Ref
from services.runtime.memory import MemoryLog
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import lifecycles


async def no_poison(poison: Poison) -> None:
    raise AssertionError(f"position {poison.recorded.position}: {poison.error!r}")


@contextlib.asynccontextmanager
async def projecting(log: MemoryLog, database: Database) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(project(log, database, no_poison))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DamagedHistory):
            await task


async def append(log: MemoryLog, executions: int) -> int:
    """Plain lives, one commit at a time; the last position."""
    position = 0
    for recorded in lifecycles(executions)[await log.last_position() :]:
        position = await log.append(recorded.commit, recorded.previous)
        await asyncio.sleep(0)
    return position


async def test_follows_and_goes_on_from_where_it_was(postgres_dsn: str) -> None:
    log = MemoryLog()
    async with Database(postgres_dsn) as database:
        queries = Queries(database)
        for executions in (3, 40):
            async with projecting(log, database):
                position = await append(log, executions)
                assert await queries.wait_for(position, 20) == position
        assert not (await check(database, log)).differences
        await queries.close()


async def test_survives_a_crash_of_postgres(postgres_server: PostgresServer, postgres_dsn: str) -> None:
    log = MemoryLog()
    async with Database(postgres_dsn) as database, projecting(log, database):
        queries = Queries(database)
        await queries.wait_for(await append(log, 5), 20)
        postgres_server.kill()
        position = await append(log, 9)
        await asyncio.sleep(0.2)
        postgres_server.start()
        assert await queries.wait_for(position, 30) == position
        assert not (await check(database, log)).differences
        await queries.close()


async def test_an_older_backup_is_caught_up(postgres_dsn: str) -> None:
    log = MemoryLog()
    async with Database(postgres_dsn) as database, projecting(log, database):
        queries = Queries(database)
        await queries.wait_for(await append(log, 3), 20)
        async with database.connection() as connection:
            await connection.execute("DROP SCHEMA live CASCADE")
        position = await append(log, 4)
        assert await queries.wait_for(position, 20) == position
        assert not (await check(database, log)).differences
        await queries.close()


async def test_another_shape_is_built_anew(postgres_dsn: str) -> None:
    log = MemoryLog()
    position = await append(log, 3)
    async with Database(postgres_dsn) as database:
        queries = Queries(database)
        async with projecting(log, database):
            await queries.wait_for(position, 20)
        async with database.connection() as connection:
            await connection.execute("UPDATE live.positions SET shape = 'older'")
            await connection.execute("ALTER TABLE live.executions DROP COLUMN runtime")
        async with projecting(log, database):
            await queries.wait_for(await append(log, 4), 20)
        stand = await queries.stand()
        assert stand is not None and (stand.outdated, stand.generation) == (False, 2)
        assert not (await check(database, log)).differences
        await queries.close()


async def test_halts_when_the_log_ends_before_the_read_models(postgres_dsn: str) -> None:
    log, shorter = MemoryLog(), MemoryLog()
    await append(log, 2)
    await append(shorter, 1)
    async with Database(postgres_dsn) as database:
        queries = Queries(database)
        async with projecting(log, database):
            await queries.wait_for(14, 20)
        async with projecting(shorter, database) as halted:
            with pytest.raises(DamagedHistory):
                await asyncio.wait_for(halted, 20)
        await queries.close()


async def test_what_is_no_commit_is_parked_and_the_rest_goes_on(postgres_dsn: str) -> None:
    log = MemoryLog()
    parked: list[Poison] = []

    async def park(poison: Poison) -> None:
        parked.append(poison)

    position = await append(log, 2)
    log.put_raw(Ref("a", "execution", "exec_x"), b'{"stream":"REPORTS","seq":1}')
    await log.append(Commit(Ref("b", "account", "b"), "c1", 1, "key:k", (AccountOpened("b"),)), 0)
    async with Database(postgres_dsn) as database:
        queries = Queries(database)
        task = asyncio.create_task(project(log, database, park))
        assert await queries.wait_for(position + 2, 20) == position + 2
        task.cancel()
        assert [(each.recorded.position, type(each.error)) for each in parked] == [(position + 1, DamagedHistory)]
        await queries.close()
