"""One script that prints 200,000 lines, until the follower has all of them; beside `python script | cat`.

Two followers: the command line (`rgrid run script | cat`, the whole command) and a bare WebSocket client, which joins
when the submit is acknowledged. `python -m tests.bench.flood [lines]`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import uvloop
from websockets.asyncio.client import connect

from services.runner.interpreters import interpreters
from tests.bench.figures import figure
from tests.bench.grid import real_grid
from tests.bench.http import Connection, stored_script
from tests.fixtures.grid import GridUnderTest

LINES, ROUNDS = 200_000, 5
TARGET = 100_000
RGRID = str(Path(sys.executable).with_name("rgrid"))


def script(lines: int) -> str:
    return f"for number in range({lines}):\n    print('line', number)\n"


def piped(*command: str, env: dict[str, str]) -> tuple[float, int]:
    """Seconds and lines of `command | cat`."""
    began = time.perf_counter()
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as first,
        subprocess.Popen(["cat"], stdin=first.stdout, stdout=subprocess.PIPE) as cat,
    ):
        assert first.stdout is not None and cat.stdout is not None
        first.stdout.close()
        found = 0
        while piece := cat.stdout.read1(1 << 20):
            found += piece.count(b"\n")
    return time.perf_counter() - began, found


async def socket_lines(grid: GridUnderTest, text: bytes) -> tuple[float, int]:
    """Seconds and lines from the acknowledged submit until a bare WebSocket client has the end."""
    connection = await Connection.open(grid.api_url, grid.api_key)
    body = {"script": await stored_script(connection, text), "runtime": "python"}
    _, answer = await connection.post("/api/v1/executions", body)
    began = time.perf_counter()
    url = f"ws{grid.api_url.removeprefix('http')}/api/v1/executions/{orjson.loads(answer)['id']}/logs/stream"
    headers, found, seconds = {"Authorization": f"Bearer {grid.api_key}"}, 0, 0.0
    async with connect(url, additional_headers=headers, compression=None, proxy=None, max_size=None) as socket:
        async for frame in socket:
            if isinstance(frame, bytes):
                found += frame.count(b"\n", frame.index(b"\n") + 1)
                seconds = time.perf_counter() - began
    connection.close()
    return seconds, found


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    with real_grid() as grid, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flood.py"
        file.write_text(script(lines))
        bare, command, socket = [], [], []
        for _ in range(ROUNDS):
            python = (interpreters()[0].program, str(file))
            bare.append(piped(*python, env={**os.environ, "PYTHONUNBUFFERED": "1"}))
            command.append(piped(RGRID, "run", str(file), env=grid.env))
            socket.append(uvloop.run(socket_lines(grid, file.read_bytes())))
    assert all(found == lines for _, found in (*bare, *command, *socket)), (bare, command, socket)
    rates = [lines / statistics.median(seconds for seconds, _ in each) for each in (bare, command, socket)]
    beside = f"python -u script | cat {rates[0]:,.0f} lines/s"
    for name, rate in (("rgrid run script | cat", rates[1]), ("a bare WebSocket client", rates[2])):
        figure(
            f"{lines:,} lines to {name}",
            f"{rate:,.0f} lines/s",
            baseline=beside,
            target=f">= {TARGET:,} lines/s",
            met=rate >= TARGET,
        )


if __name__ == "__main__":
    main()
