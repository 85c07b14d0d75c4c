"""Postgres is killed: reads say so, waits end or go on, and everything comes back by itself."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Unavailable
from projections.database import Database
from projections.queries import Queries
from projections.store import Projector
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import lifecycles


async def test_wait_for_is_woken_by_the_projector(queries: Queries, projector: Projector) -> None:
    log = lifecycles(2)
    waiting = [asyncio.create_task(queries.wait_for(position, 10)) for position in (3, 1, 14)]
    await asyncio.sleep(0.1)
    await projector.apply(log[:3])
    assert await waiting[0] >= 3 and await waiting[1] >= 1
    assert not waiting[2].done()
    await projector.apply(log)
    assert await waiting[2] == 14
    with pytest.raises(Unavailable) as error:
        await queries.wait_for(15, 0.05)
    assert error.value.code == "PROJECTIONS_BEHIND"


async def test_a_broken_connection_is_replaced(
    database: Database, queries: Queries, projector: Projector, postgres_dsn: str
) -> None:
    await projector.apply(lifecycles(1))
    async with database.connection() as connection:
        mine = await connection.fetchval("SELECT pg_backend_pid()")
    async with Database(postgres_dsn) as other:
        await other.fetch("SELECT pg_terminate_backend($1)", mine)
    assert await queries.position() == 7


async def test_killed_and_back(
    database: Database, queries: Queries, projector: Projector, postgres_server: PostgresServer
) -> None:
    log = lifecycles(2)
    await projector.apply(log[:5])
    assert await queries.wait_for(5, 10) == 5
    postgres_server.kill()
    try:
        with pytest.raises(Unavailable):
            await queries.position()
        with pytest.raises(Unavailable):
            await projector.apply(log[:8])
    finally:
        postgres_server.start()
    await database.ready(30)
    waiting = asyncio.create_task(queries.wait_for(len(log), 30))
    stored = (await projector.prepare()).position
    assert stored <= 5
    await projector.apply(log[stored:])
    assert await waiting == len(log)


async def test_before_the_first_start_of_the_projector(queries: Queries) -> None:
    with pytest.raises(Unavailable) as error:
        await queries.position()
    assert error.value.code == "PROJECTIONS_MISSING"
