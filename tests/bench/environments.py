"""How long a script waits for its packages: built cold, fetched by a fresh node from the store, and found on the same node.

A real node (its scripts end at once) on real NATS and a real blob door. `python -m tests.bench.environments [package ...]`;
the baseline is what one does by hand: `python -m venv` and `pip install` of the same lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import uvloop

from domain.execution.job import Environment
from services.runner.interpreters import interpreters
from services.runner.sandbox.instant import Instant
from services.runner.urls import Urls
from services.runtime.messages import RunWork
from services.runtime.streams import apply_streams
from tests.bench.figures import figure, ms
from tests.fixtures.nats import NatsServer
from tests.services.artifacts.conftest import serving
from tests.services.runner.environments.locks import locked
from tests.services.runner.grid import ACCOUNT, NODE, Grid

FETCH_SECONDS_MAX, FOUND_SECONDS_MAX = 2.0, 0.05
ROUNDS, FOUND_ROUNDS = 3, 50


@contextlib.asynccontextmanager
async def node(folder: Path) -> AsyncIterator[Grid]:
    for name in ("nats", "node", "artifacts"):
        (folder / name).mkdir()
    server = NatsServer(folder / "nats")
    server.start()
    bus = await server.connect()
    await apply_streams(bus)
    with serving() as address:
        client = address.client(folder / "artifacts")
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            grid = Grid(bus, bus, client.store, client, folder / "node", Instant(), None, http)
            await grid.open()
            grid.begin()
            try:
                yield grid
            finally:
                await grid.close()
                await bus.close()
                server.stop()
        client.store.close()


async def ready(grid: Grid, environment: Environment) -> tuple[float, float]:
    """Seconds until an attempt has its packages, and until other nodes can have them."""
    job = await grid.job("pass", environment=environment)
    work = RunWork(ACCOUNT, f"exec_{time.time_ns()}", 1, job)
    began = time.perf_counter()
    held = await grid.node.environments.ready(work, interpreters()[0], Urls(grid.node.bus, NODE, work))
    seconds = time.perf_counter() - began
    assert held is not None
    await held.settled(60)
    shared = time.perf_counter() - began
    held.close()
    return seconds, shared


async def afresh(grid: Grid) -> None:
    """A node that never had anything."""
    await grid.end()
    shutil.rmtree(grid.folder / "environments")
    grid.begin()


def by_hand(folder: Path, lock: bytes) -> float:
    """A venv and pip, with an empty cache, as in an image that is built."""
    (folder / "lock").write_bytes(lock)
    began = time.perf_counter()
    subprocess.run([interpreters()[0].program, "-m", "venv", str(folder / "venv")], check=True)
    pip = [
        str(folder / "venv/bin/pip"),
        "install",
        "-q",
        "--no-cache-dir",
        "--require-hashes",
        "-r",
        str(folder / "lock"),
    ]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


async def main(packages: list[str]) -> None:
    lock, name = locked(*packages), " ".join(packages)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        hand = await asyncio.to_thread(by_hand, folder, lock)
        async with node(folder) as grid:
            environment = Environment("python", await grid.put("requirements.lock", lock))
            built, shared = await ready(grid, environment)
            fact = await grid.until(lambda: [fact for verb, fact in grid.reports if verb == "environment"])
            grid.archives[fact[0]["id"]] = fact[0]["archive"]["sha256"]
            fetched = []
            for _ in range(ROUNDS):
                await afresh(grid)
                fetched.append((await ready(grid, environment))[0])
            found = [(await ready(grid, environment))[0] for _ in range(FOUND_ROUNDS)]
    beside = f"venv and pip {hand:.1f} s"
    sizes = f"{fact[0]['size_bytes'] / 1e6:.0f} MB, packed {fact[0]['archive']['size_bytes'] / 1e6:.0f} MB"
    figure(f"environment of {name}, built", f"{built:.2f} s", baseline=beside, target="reported")
    print(f"  {sizes}; in the store after {shared:.1f} s, while the script runs")
    figure(
        f"environment of {name}, on a fresh node",
        f"{statistics.median(fetched):.2f} s",
        baseline=beside,
        target=f"<= {FETCH_SECONDS_MAX:.0f} s",
        met=statistics.median(fetched) <= FETCH_SECONDS_MAX,
    )
    figure(
        f"environment of {name}, on the same node",
        ms(statistics.median(found)),
        baseline=f"worst of {FOUND_ROUNDS}: {ms(max(found))}",
        target=f"<= {FOUND_SECONDS_MAX * 1000:.0f} ms",
        met=max(found) <= FOUND_SECONDS_MAX,
    )


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:] or ["pandas"]))
