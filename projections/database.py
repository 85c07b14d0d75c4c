"""The way to Postgres: a lazy pool, one more try on a broken connection, and the one place that reads asyncpg's errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import asyncpg

from domain.errors import Unavailable

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
POOL_CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 5.0
COMMAND_SECONDS_MAX = 30.0
BACKOFF_SECONDS_FIRST = 0.02
BACKOFF_SECONDS_MAX = 1.0

# InternalClientError is what a connection answers with that the server ended while it was idle.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
_MOVED = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
    asyncpg.DeadlockDetectedError,
)
"""A read met the moment in which a rebuilt schema took the place of the old one."""


class Database:
    """`Database(dsn)` connects when it is first asked, so a process starts although Postgres is away.

    Every method raises Unavailable when Postgres does not answer; reads are tried twice before.
    """

    def __init__(self, dsn: str, *, connections_max: int = POOL_CONNECTIONS_MAX) -> None:
        self._dsn = dsn
        self._size = connections_max
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ready(self, timeout_seconds: float | None = None) -> None:
        """Wait until Postgres answers (for ever, unless a timeout is given; then raises Unavailable)."""
        pause = BACKOFF_SECONDS_FIRST
        loop = asyncio.get_running_loop()
        until = None if timeout_seconds is None else loop.time() + timeout_seconds
        while True:
            try:
                await self.fetch("SELECT 1")
                return
            except Unavailable:
                if until is not None and loop.time() + pause > until:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, BACKOFF_SECONDS_MAX)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of a read; tried once more when the connection broke or the tables were swapped under it."""
        try:
            return await self._fetch(sql, args)
        except (*_AWAY, *_MOVED) as error:
            if isinstance(error, asyncpg.DataError | ValueError):
                raise
            await self._forget_connections()
        try:
            with translated():
                return await self._fetch(sql, args)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
            message = "The read models are not there yet; the projector makes them when it starts. Try again soon."
            raise Unavailable(message, code="PROJECTIONS_MISSING") from error

    async def fetch_one(self, sql: str, *args: Any) -> asyncpg.Record | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[asyncpg.Record]:
        pool = await self._opened()
        async with pool.acquire(timeout=CONNECT_SECONDS_MAX) as connection:
            return await connection.fetch(sql, *args)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, for several statements in a row."""
        with translated():
            pool = await self._opened()
            async with pool.acquire(timeout=CONNECT_SECONDS_MAX) as connection:
                yield connection

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """A connection of one's own, to be closed by the caller (LISTEN, a bulk load)."""
        with translated():
            return await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS_MAX, **options)

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._size,
                    timeout=CONNECT_SECONDS_MAX,
                    command_timeout=COMMAND_SECONDS_MAX,
                    server_settings={"jit": "off"},
                    reset=_keep,
                )
            return self._pool

    async def _forget_connections(self) -> None:
        """All of them: a server that broke one has broken its neighbours too."""
        if self._pool is not None:
            await self._pool.expire_connections()


async def _keep(_connection: Connection) -> None:
    """Nothing of ours outlives a transaction on a pooled connection (settings and locks are LOCAL), so that the usual
    reset, a second round trip behind every read, has nothing to do. asyncpg still ends a transaction left open."""


@contextmanager
def translated() -> Iterator[None]:
    """asyncpg's errors that mean "Postgres is away" become Unavailable; a mistake of ours stays what it is."""
    try:
        yield
    except _AWAY as error:
        if isinstance(error, asyncpg.DataError | ValueError):
            raise
        raise Unavailable(
            f"Postgres does not answer ({str(error) or type(error).__name__}). See what runs with: rgrid doctor",
            code="POSTGRES_UNAVAILABLE",
        ) from error
