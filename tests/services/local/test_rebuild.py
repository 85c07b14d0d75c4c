"""`python -m services.local.rebuild` on the real log: rebuilds, says equal, and names what differs with exit code 1."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from projections.database import Database
from services.runtime.bus import Bus
from services.runtime.jetstream import JetStreamLog
from tests.fixtures.nats import NatsServer
from tests.projections.histories import lifecycles


async def run(nats: NatsServer, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_")} | {
        "RGRID_NATS_URL": nats.url,
        "RGRID_NATS_USER": nats.user,
        "RGRID_NATS_PASSWORD": nats.password,
        "RGRID_POSTGRES_DSN": dsn,
    }
    command = [sys.executable, "-m", "services.local.rebuild", *arguments]
    return await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)


async def test_rebuild_and_check(bus: Bus, nats_server: NatsServer, postgres_dsn: str) -> None:
    log = JetStreamLog(bus)
    for recorded in lifecycles(5):
        await log.append(recorded.commit, recorded.previous)
    nothing = await run(nats_server, postgres_dsn, "--check")
    assert nothing.returncode == 125 and "rgrid projections rebuild" in nothing.stderr
    built = await run(nats_server, postgres_dsn)
    assert (built.returncode, built.stderr) == (0, "") and "position 35" in built.stdout
    equal = await run(nats_server, postgres_dsn, "--check")
    assert equal.returncode == 0 and "equal to the log" in equal.stdout
    async with Database(postgres_dsn) as database, database.connection() as connection:
        await connection.execute("UPDATE live.executions SET status = 'odd' WHERE id = 'exec_000000000003'")
    different = await run(nats_server, postgres_dsn, "--check")
    assert different.returncode == 1
    assert "exec_000000000003: status is 'odd', the log says 'succeeded'" in different.stderr


async def test_without_postgres_it_says_what_is_away(bus: Bus, nats_server: NatsServer) -> None:
    failed = await run(nats_server, "postgresql://rgrid@127.0.0.1:9/none")
    assert failed.returncode == 125
    assert "Postgres does not answer" in failed.stderr and "Traceback" not in failed.stderr
