"""How fast the read models are rebuilt from the real log in JetStream, beside a bare COPY of as many rows.

`python -m tests.bench.rebuild [executions]` (seven events each).
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from projections.database import Database
from projections.rebuild import rebuild
from services.runtime.bus import Bus
from services.runtime.jetstream import JetStreamLog
from services.runtime.streams import apply_streams
from tests.bench.figures import figure
from tests.bench.stored import store
from tests.fixtures.nats import NatsServer
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import lifecycles

EXECUTIONS_DEFAULT, ROUNDS = 15_000, 3
TARGET = 30_000
EVENT_BYTES = 800


async def measure(bus: Bus, dsn: str, executions: int) -> None:
    await apply_streams(bus)
    await store(bus, lifecycles(executions))
    rates, used = [], []
    async with Database(dsn) as database:
        for _ in range(ROUNDS):
            began, cpu = time.perf_counter(), time.process_time()
            built = await rebuild(database, JetStreamLog(bus))
            rates.append(built.commits / (time.perf_counter() - began))
            used.append((time.process_time() - cpu) / built.commits * 1e6)
        copied = await bare_copy(database, built.commits)
    rate = statistics.median(rates)
    figure(
        f"rebuild of {built.commits:,} events from JetStream",
        f"{rate:,.0f} events/s",
        baseline=f"bare COPY {copied:,.0f} rows/s",
        target=f">= {TARGET:,} events/s",
        met=rate >= TARGET,
    )
    print(f"  processor of the rebuilding process: {statistics.median(used):.1f} us an event")


async def bare_copy(database: Database, rows: int) -> float:
    """As many rows as there were events, of the size of an event; rows a second."""
    connection = await database.connect()
    await connection.execute("CREATE TABLE bare (number bigint, body text)")
    records = [(number, "x" * EVENT_BYTES) for number in range(rows)]
    began = time.perf_counter()
    await connection.copy_records_to_table("bare", records=records)
    seconds = time.perf_counter() - began
    await connection.close()
    return rows / seconds


def main() -> None:
    executions = int(sys.argv[1]) if len(sys.argv) > 1 else EXECUTIONS_DEFAULT
    with tempfile.TemporaryDirectory(prefix="rgrid-bench-") as folder:
        postgres, nats = PostgresServer(Path(folder)), NatsServer(Path(folder))
        postgres.start()
        nats.start()
        dsn = postgres.create_database()

        async def run() -> None:
            bus = await nats.connect("bench")
            await measure(bus, dsn, executions)
            await bus.close()

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run())
        finally:
            nats.kill()
            postgres.stop()


if __name__ == "__main__":
    main()
