"""Whole lives per second: submitted over HTTP, resolved, assigned, run by an instant sandbox, billed and projected.

All of the embedded grid is real, the log synced always; only the sandbox runs nothing. The baseline is `js.publish` of
as many messages to the same NATS. `python -m tests.bench.lifecycles [executions]`.
"""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg
import uvloop

from services.local.home import Home, read_json
from services.local.secrets_file import load_secrets
from services.runtime.connection import connect
from tests.bench.figures import figure
from tests.bench.grid import dsn, instant_grid
from tests.bench.http import Connection, stored_script
from tests.bench.processes import cpu_seconds, tree
from tests.fixtures.grid import GridUnderTest

EXECUTIONS_DEFAULT, WARM_UP = 3000, 500
CLIENTS = 32
TARGET = 300
STORED_PER_LIFE = 10
"""Seven commits, two facts and one piece of work."""
SECONDS_MAX = 120.0


async def submit(grid: GridUnderTest, count: int) -> None:
    """Over the gateway's HTTP, CLIENTS connections kept alive."""
    connections = [await Connection.open(grid.api_url, grid.api_key) for _ in range(CLIENTS)]
    script = await stored_script(connections[0], b"pass\n")
    body = {"script": script, "runtime": "python", "limits": {"cpu_millis": 10, "memory_bytes": 32 << 20}}
    numbers = iter(range(count))

    async def client(connection: Connection) -> None:
        for _ in numbers:
            status, answer = await connection.post("/api/v1/executions", body)
            assert status == 201, answer

    await asyncio.gather(*map(client, connections))
    for connection in connections:
        connection.close()


async def billed(connection: asyncpg.Connection, count: int) -> None:
    """Wait until the read model shows `count` executions with a final bill."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        known = await connection.fetchval("SELECT count(*) FROM live.executions WHERE final_micros IS NOT NULL")
        if known >= count:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{known} of {count} executions ended in {SECONDS_MAX:.0f} s")
        await asyncio.sleep(0.05)


async def published(grid: GridUnderTest, count: int) -> float:
    """Messages per second that the same server stores for CLIENTS bare publishers."""
    home = Home(grid.home)
    port = (read_json(home.ports) or {})["nats-server"]
    bus = await connect(f"nats://127.0.0.1:{port}", "control", load_secrets(home)[0].nats_control)
    js = bus.client.jetstream()
    numbers, payload = iter(range(count)), b"x" * 600

    async def publisher(mine: int) -> None:
        for _ in numbers:
            await js.publish(f"rgrid.parked.bench{mine}", payload)

    began = time.perf_counter()
    await asyncio.gather(*map(publisher, range(CLIENTS)))
    seconds = time.perf_counter() - began
    await bus.close()
    return count / seconds


async def measure(grid: GridUnderTest, count: int) -> None:
    connection = await asyncpg.connect(dsn(grid))
    await submit(grid, WARM_UP)
    await billed(connection, WARM_UP)
    pids = grid.pids
    before = {name: cpu_seconds(tree(pid)) for name, pid in pids.items() if name != "supervisor"}
    began = time.perf_counter()
    await submit(grid, count)
    submitted = time.perf_counter() - began
    await billed(connection, WARM_UP + count)
    seconds = time.perf_counter() - began
    used = {name: (cpu_seconds(tree(pids[name])) - cpu) / count * 1e3 for name, cpu in before.items()}
    await connection.close()
    bare = await published(grid, 5000)
    rate = count / seconds
    figure(
        "lifecycles, submitted to billed and projected",
        f"{rate:,.0f} /s",
        baseline=f"bare js.publish {bare:,.0f} /s = {bare / STORED_PER_LIFE:,.0f} lives",
        target=f">= {TARGET} /s",
        met=rate >= TARGET,
    )
    figure("  submits acknowledged over HTTP meanwhile", f"{count / submitted:,.0f} /s", baseline="32 connections")
    shares = " · ".join(f"{name} {cpu:.2f}" for name, cpu in used.items())
    print(f"  processor ms a life: {shares} · together {sum(used.values()):.2f}")


def main() -> None:
    with instant_grid() as grid:
        uvloop.run(measure(grid, int(sys.argv[1]) if len(sys.argv) > 1 else EXECUTIONS_DEFAULT))


if __name__ == "__main__":
    main()
