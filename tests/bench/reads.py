"""How fast one execution and a page of 50 are read with 100,000 stored, by 16 clients at once, from the queries themselves.

`python -m tests.bench.reads [executions]`; the baseline is `SELECT 1` through the same pool.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from projections.database import Database
from projections.listing import Filters
from projections.queries import Queries
from projections.rebuild import rebuild
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import ListLog, lifecycles

EXECUTIONS_DEFAULT = 100_000
CLIENTS = 16
CALLS_PER_CLIENT = 150


async def timed(name: str, call: Callable[[int], Awaitable[object]]) -> None:
    """p50 and p99 in milliseconds."""
    took: list[float] = []

    async def client(first: int) -> None:
        for number in range(first, first + CALLS_PER_CLIENT):
            began = time.perf_counter()
            await call(number)
            took.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(client(number * CALLS_PER_CLIENT) for number in range(CLIENTS)))
    cuts = statistics.quantiles(took, n=100)
    print(f"{name:28} p50 {cuts[49]:7.2f} ms   p99 {cuts[98]:7.2f} ms")


async def measure(dsn: str, executions: int) -> None:
    async with Database(dsn) as database:
        log = lifecycles(executions)
        await rebuild(database, ListLog(log))
        del log
        queries = Queries(database)

        def some(number: int) -> str:
            return f"exec_{number * 7919 % executions:012d}"

        async def page(filters: Filters) -> bytes:
            return (await queries.list_executions("local", filters)).body()

        await timed("SELECT 1", lambda _: database.fetch("SELECT 1"))
        await timed("one execution", lambda number: queries.get_execution("local", some(number)))
        await timed("id by prefix", lambda number: queries.resolve_id("local", some(number)))
        await timed("page of 50", lambda _: page(Filters()))
        await timed("page of 50, by status", lambda _: page(Filters(status="succeeded")))
        await timed("page of 50, by name", lambda _: page(Filters(name="run 3")))
        await timed("page, nothing matches", lambda _: page(Filters(tags={"no": "such"})))


def main() -> None:
    executions = int(sys.argv[1]) if len(sys.argv) > 1 else EXECUTIONS_DEFAULT
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            asyncio.run(measure(server.create_database(), executions))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
