"""A database and the queries on it; poison fails the test unless it wants some."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from projections.database import Database
from projections.folding import Poison
from projections.queries import Queries
from projections.service_queries import ServiceQueries
from projections.store import Projector


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with Database(postgres_dsn) as database:
        yield database


@pytest.fixture
async def queries(database: Database) -> AsyncIterator[Queries]:
    queries = Queries(database)
    yield queries
    await queries.close()


@pytest.fixture
async def services(database: Database) -> AsyncIterator[ServiceQueries]:
    services = ServiceQueries(database)
    yield services
    await services.close()


async def no_poison(poison: Poison) -> None:
    raise AssertionError(f"position {poison.recorded.position}: {poison.error!r}")


@pytest.fixture
async def projector(database: Database) -> Projector:
    projector = Projector(database, no_poison)
    await projector.prepare()
    return projector
