"""From the acknowledged submit to the first line of the log at a WebSocket client; a warm grid, a script that prints one.

`python -m tests.bench.first_line [runs]`; the baseline is the same script in a bare bubblewrap box.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time

import orjson
import uvloop
from websockets.asyncio.client import connect

from services.runner.interpreters import interpreters
from tests.bench.figures import figure, ms, percentile
from tests.bench.grid import real_grid
from tests.bench.http import Connection, stored_script
from tests.fixtures.grid import GridUnderTest

RUNS, WARM_UP = 150, 10
P50_SECONDS, P99_SECONDS = 0.060, 0.200
SCRIPT = b"print('x')\n"
BARE = ("bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-pid",
        "--unshare-ipc", "--unshare-uts", "--unshare-net", "--die-with-parent", "--")  # fmt: skip


async def first_line(grid: GridUnderTest, connection: Connection, body: dict[str, object]) -> float:
    """Seconds; afterwards the stream is read to its end, so that the next one finds a quiet grid."""
    status, answer = await connection.post("/api/v1/executions", body)
    began = time.perf_counter()
    assert status == 201, answer
    execution = orjson.loads(answer)["id"]
    url = f"ws{grid.api_url.removeprefix('http')}/api/v1/executions/{execution}/logs/stream"
    seconds = 0.0
    headers = {"Authorization": f"Bearer {grid.api_key}"}
    async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
        async for frame in socket:
            if isinstance(frame, bytes):
                seconds = seconds or time.perf_counter() - began
    assert seconds, "the log had no line"
    return seconds


def bare() -> float:
    """Until the first line of the same script, in a box that nobody manages."""
    began = time.perf_counter()
    command = [*BARE, interpreters()[0].program, "-c", SCRIPT.decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return time.perf_counter() - began


async def measure(grid: GridUnderTest, runs: int) -> None:
    connection = await Connection.open(grid.api_url, grid.api_key)
    body = {"script": await stored_script(connection, SCRIPT), "runtime": "python"}
    seconds, alone = [], []
    for number in range(runs + WARM_UP):
        taken = await first_line(grid, connection, body)
        if number >= WARM_UP:
            seconds.append(taken)
            alone.append(await asyncio.to_thread(bare))
    connection.close()
    p50, p99 = statistics.median(seconds), percentile(seconds, 99)
    beside = f"bare bwrap+python {ms(statistics.median(alone))} / {ms(percentile(alone, 99))}"
    figure(
        "submit acknowledged to first line, p50 / p99",
        f"{ms(p50)} / {ms(p99)}",
        baseline=beside,
        target=f"<= {P50_SECONDS * 1000:.0f} / {P99_SECONDS * 1000:.0f} ms",
        met=p50 <= P50_SECONDS and p99 <= P99_SECONDS,
    )


def main() -> None:
    with real_grid() as grid:
        uvloop.run(measure(grid, int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))


if __name__ == "__main__":
    main()
