"""How fast the read models are rebuilt: events a second from stored commits, beside a bare COPY of as many rows.

`python -m tests.bench.rebuild [executions]` (default 15000, seven events each).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from projections.database import Database
from projections.rebuild import rebuild
from services.runtime.codec import decode_commit, encode_commit
from services.runtime.log import Ref
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import lifecycles

EXECUTIONS_DEFAULT = 15_000


class StoredLog:
    """Commits in their stored form; reading decodes them, as reading the real log does."""

    def __init__(self, stored: list[tuple[Ref, bytes]]) -> None:
        self.stored = stored

    async def read(self, after: int = 0, *, until: int | None = None, batch: int = 1000) -> Any:
        last = len(self.stored) if until is None else until
        for start in range(after, last, batch):
            yield [decode_commit(*self._at(number)) for number in range(start, min(start + batch, last))]

    async def last_position(self) -> int:
        return len(self.stored)

    def _at(self, number: int) -> tuple[Ref, int, bytes]:
        return self.stored[number][0], number + 1, self.stored[number][1]


async def measure(dsn: str, executions: int) -> None:
    log = StoredLog([(each.commit.ref, encode_commit(each.commit, each.previous)) for each in lifecycles(executions)])
    async with Database(dsn) as database:
        began = time.perf_counter()
        built = await rebuild(database, log)
        seconds = time.perf_counter() - began
        print(f"rebuilt       {built.commits / seconds:12,.0f} events/s  ({built.commits} events, {built.rows} rows)")
        await bare_copy(database, built.commits, len(log.stored[0][1]))


async def bare_copy(database: Database, rows: int, row_bytes: int) -> None:
    """As many rows as there were events, of the size of an event."""
    connection = await database.connect()
    await connection.execute("CREATE TABLE bare (number bigint, body text)")
    records = [(number, "x" * row_bytes) for number in range(rows)]
    began = time.perf_counter()
    await connection.copy_records_to_table("bare", records=records)
    print(f"bare COPY     {rows / (time.perf_counter() - began):12,.0f} rows/s")
    await connection.close()


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
