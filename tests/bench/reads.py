"""Reads through the real gateway with 100,000 executions stored: one execution, a page of 50; 16 clients at once.

The rows are folded from whole lives by the real folds. The baseline is `/healthz` through the same gateway, under the
same clients. `python -m tests.bench.reads [executions]`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from domain.account import commands
from projections.database import Database
from projections.rebuild import rebuild
from services.local.ports import HOST
from services.runtime import keys
from services.runtime.log import Ref
from services.runtime.streams import apply_streams
from tests.bench.figures import figure, ms, percentile
from tests.bench.http import Connection
from tests.fixtures.nats import NatsServer, _free_port
from tests.fixtures.postgres import PostgresServer
from tests.projections.histories import ListLog, World

EXECUTIONS_DEFAULT = 100_000
CLIENTS, CALLS_PER_CLIENT, ROUNDS = 16, 120, 3
P99_SECONDS = 0.025
START_SECONDS_MAX = 30.0
EACH = "each"
"""The argument by which this script starts its own client process."""


async def fill(dsn: str, executions: int) -> str:
    """The read models of `executions` lives, and a key to see them with."""
    (key_id, plaintext, sha256), world = keys.make_key(os.urandom(keys.RANDOM_BYTES)), World(1)
    account = Ref("local", "account", "local")
    world.send(account, commands.OpenAccount("local"))
    world.send(account, commands.IssueKey(key_id, sha256, "bench"))
    for number in range(executions):
        world.lifecycle(Ref("local", "execution", f"exec_{number:012d}"), name=f"run {number % 7}")
    async with Database(dsn) as database:
        await rebuild(database, ListLog(world.log))
    return plaintext


async def clients(url: str, key: str, path: Callable[[int], str]) -> list[float]:
    """Seconds of every call, CLIENTS at a time, each on its own connection."""
    took: list[float] = []

    async def client(mine: int) -> None:
        connection = await Connection.open(url, key)
        for number in range(mine * CALLS_PER_CLIENT, (mine + 1) * CALLS_PER_CLIENT):
            began = time.perf_counter()
            status, _ = await connection.get(path(number))
            took.append(time.perf_counter() - began)
            assert status == 200
        connection.close()

    gc.disable()
    await asyncio.gather(*map(client, range(CLIENTS)))
    return took


async def drive(url: str, key: str, executions: int) -> dict[str, list[list[float]]]:
    """What the client process measures: rounds of every kind of read."""
    kinds: dict[str, Callable[[int], str]] = {
        "healthz": lambda _: "/healthz",
        "one": lambda number: f"/api/v1/executions/exec_{number * 7919 % executions:012d}",
        "page": lambda _: "/api/v1/executions?limit=50",
    }
    for path in kinds.values():
        await clients(url, key, path)
    return {kind: [await clients(url, key, path) for _ in range(ROUNDS)] for kind, path in kinds.items()}


def report(measured: dict[str, list[list[float]]], executions: int) -> None:
    def of(kind: str, percent: int) -> float:
        return statistics.median(percentile(took, percent) for took in measured[kind])

    beside = f"/healthz {ms(of('healthz', 50))} / {ms(of('healthz', 99))}"
    for kind, name in (("one", "GET /executions/{id}"), ("page", "GET a page of 50")):
        p99 = of(kind, 99)
        figure(
            f"{name}, {executions:,} stored, p50 / p99",
            f"{ms(of(kind, 50))} / {ms(p99)}",
            baseline=beside,
            target=f"p99 <= {P99_SECONDS * 1000:.0f} ms",
            met=p99 <= P99_SECONDS,
        )


def gateway(nats: NatsServer, dsn: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The gateway as a process, as in the grid."""
    environment = {
        "RGRID_HOME": str(folder / "home"),
        "RGRID_NATS_URL": nats.url,
        "RGRID_NATS_USER": nats.user,
        "RGRID_NATS_PASSWORD": nats.password,
        "RGRID_POSTGRES_DSN": dsn,
        "RGRID_GATEWAY_PORT": str(port),
        "RGRID_URL_KEY": "ab" * 32,
        "RGRID_ARTIFACTS": str(folder / "artifacts"),
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_")}
    return subprocess.Popen([sys.executable, "-P", "-m", "gateway"], env={**clean, **environment})


async def answering(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            connection = await Connection.open(url, "")
            await connection.get("/healthz")
            connection.close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def streams(nats: NatsServer) -> None:
    bus = await nats.connect("bench")
    await apply_streams(bus)
    await bus.close()


def main() -> None:
    if sys.argv[1:2] == [EACH]:
        print(json.dumps(uvloop.run(drive(sys.argv[2], sys.argv[3], int(sys.argv[4])))))
        return
    executions = int(sys.argv[1]) if len(sys.argv) > 1 else EXECUTIONS_DEFAULT
    with tempfile.TemporaryDirectory(prefix="rgrid-bench-") as name:
        folder, port = Path(name), _free_port()
        postgres, nats = PostgresServer(folder), NatsServer(folder)
        postgres.start()
        nats.start()
        dsn, url = postgres.create_database(), f"http://{HOST}:{port}"
        process = gateway(nats, dsn, folder, port)
        try:
            asyncio.run(streams(nats))
            key = asyncio.run(fill(dsn, executions))
            asyncio.run(answering(url))
            command = [sys.executable, "-m", "tests.bench.reads", EACH, url, key, str(executions)]
            done = subprocess.run(command, capture_output=True, check=True)
            report(json.loads(done.stdout), executions)
        finally:
            process.terminate()
            process.wait(20)
            nats.kill()
            postgres.stop()


if __name__ == "__main__":
    main()
