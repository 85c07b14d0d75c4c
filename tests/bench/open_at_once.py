"""A thousand executions that run at the same time: what the grid itself needs for them, and how it answers meanwhile.

They sleep in boxes of their own; only the grid's processes are counted. `python -m tests.bench.open_at_once [executions]`.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
import uvloop

from domain.batch.members import Member, encode
from tests.bench.figures import figure, ms, percentile
from tests.bench.grid import real_grid
from tests.bench.http import Connection, stored_blob, stored_script
from tests.bench.processes import pss_bytes, tree
from tests.fixtures.grid import GridUnderTest

OPEN_DEFAULT = 1000
MEMORY_MIB, SUBMIT_SECONDS = 500, 0.1
SUBMITS = 200
START_SECONDS_MAX = 300.0
SLEEP = b"import time\ntime.sleep(3600)\n"


def own(grid: GridUnderTest) -> list[int]:
    """The processes of the grid, without the boxes below its runner."""
    pids = grid.pids
    return [pids["supervisor"], pids["runner"]] + [
        pid for part in ("nats-server", "postgres", "services", "gateway") for pid in tree(pids[part])
    ]


async def running(connection: Connection, batch: str, count: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        _, answer = await connection.get(f"/api/v1/batches/{batch}")
        counts = orjson.loads(answer)["counts"]
        if counts["running"] == count:
            return
        assert time.monotonic() < deadline, counts
        await asyncio.sleep(0.2)


async def submits(connection: Connection, body: dict[str, object]) -> list[float]:
    """Seconds until each of SUBMITS single ones was acknowledged."""
    seconds = []
    for _ in range(SUBMITS):
        began = time.perf_counter()
        status, answer = await connection.post("/api/v1/executions", body)
        seconds.append(time.perf_counter() - began)
        assert status == 201, answer
        await asyncio.sleep(0.01)
    return seconds


async def measure(grid: GridUnderTest, count: int) -> None:
    connection = await Connection.open(grid.api_url, grid.api_key)
    limits = {"cpu_millis": 1, "memory_bytes": 16 << 20}
    idle = pss_bytes(own(grid)) / 2**20
    blob = await stored_blob(connection, encode(Member(f"m{number}") for number in range(count)))
    script = await stored_script(connection, SLEEP)
    body = {"script": script, "runtime": "python", "limits": limits}
    status, answer = await connection.post("/api/v1/batches", {**body, "members": {**blob, "count": count}})
    assert status == 201, answer
    batch = orjson.loads(answer)["id"]
    began = time.perf_counter()
    await running(connection, batch, count)
    seconds = time.perf_counter() - began
    mib = pss_bytes(own(grid)) / 2**20
    figure(
        f"{count:,} executions open at once, memory of the grid",
        f"{mib:,.0f} MiB",
        baseline=f"idle {idle:,.0f} MiB; all of them ran after {seconds:.1f} s",
        target=f"<= {MEMORY_MIB} MiB",
        met=mib <= MEMORY_MIB,
    )
    p99 = percentile(await submits(connection, body), 99)
    figure(
        "  submit acknowledged meanwhile, p99",
        ms(p99),
        target=f"<= {SUBMIT_SECONDS * 1000:.0f} ms",
        met=p99 <= SUBMIT_SECONDS,
    )
    await connection.post(f"/api/v1/batches/{batch}/cancel", {})
    connection.close()


def main() -> None:
    with real_grid() as grid:
        uvloop.run(measure(grid, int(sys.argv[1]) if len(sys.argv) > 1 else OPEN_DEFAULT))


if __name__ == "__main__":
    main()
