"""What an attempt of a no-op Python script costs the node beyond the script: processor time of the runner and of its boxes.

A real runner on real NATS and a real blob door, two attempts at a time; the baselines are `python3 script` alone and the
same in a bare bwrap. `python -m tests.bench.attempts [attempts] [profile file]`; with a file the runner runs under cProfile.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import uvloop

from domain.execution.job import Limits
from domain.files import file_set
from services.runner.interpreters import interpreters
from services.runner.sandbox.instant import Instant
from services.runtime.streams import apply_streams
from tests.bench.figures import figure, ms
from tests.bench.processes import TICKS
from tests.fixtures.nats import NatsServer
from tests.services.artifacts.conftest import serving
from tests.services.runner.grid import NODE, Grid

ATTEMPTS_DEFAULT, WARM_UP, BARE = 300, 20, 40
NO_OP = "pass\n"
WRITES = "import sys\nprint(sys.argv[1])\nopen('out.txt', 'w').write(sys.argv[1])\n"
UNDER_PROFILE = "import cProfile, runpy, sys; cProfile.run({code!r}, {path!r})"
RUNNER = "import runpy; runpy.run_module('services.runner', run_name='__main__')"


@contextlib.asynccontextmanager
async def node(folder: Path, profile: str) -> AsyncIterator[tuple[Grid, subprocess.Popen[bytes]]]:
    """A runner of its own process, and the control plane's side around it."""
    for name in ("nats", "home", "artifacts"):
        (folder / name).mkdir()
    server = NatsServer(folder / "nats")
    server.start()
    bus = await server.connect()
    await apply_streams(bus)
    environment = {
        "PATH": os.environ["PATH"],
        "RGRID_HOME": str(folder / "home"),
        "RGRID_NATS_URL": server.url,
        "RGRID_NATS_USER": NODE,
        "RGRID_NATS_PASSWORD": server.node_passwords[NODE],
    }
    code = UNDER_PROFILE.format(code=RUNNER, path=profile) if profile else RUNNER
    with serving() as address:
        client = address.client(folder / "artifacts")
        async with aiohttp.ClientSession(auto_decompress=False) as http:
            grid = Grid(bus, bus, client.store, client, folder, Instant(), None, http)
            await grid.open()
            process = subprocess.Popen([sys.executable, "-c", code], env=environment)  # noqa: ASYNC220 (it does not wait)
            try:
                await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "joined"])
                yield grid, process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
                await grid.close()
                await bus.close()
                server.stop()
        client.store.close()


def used(pid: int) -> tuple[float, float]:
    """Processor seconds of the process itself, and of its children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, below = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return own / TICKS, below / TICKS


async def members(grid: Grid, code: str, count: int) -> float:
    """Run `count` members of a batch, each with an input of its own; seconds."""
    job = await grid.job(code, args=("in.txt",), limits=Limits())
    own = [await grid.put("in.txt", f"{time.time_ns()} {number}".encode()) for number in range(count)]
    known, began = len(grid.reports), time.perf_counter()
    for file in own:
        await grid.send(replace(job, inputs=file_set((file,))))
    finished = lambda: [fact for verb, fact in grid.reports[known:] if verb == "finished"]  # noqa: E731
    await grid.until(lambda: len(finished()) == count, 300)
    seconds = time.perf_counter() - began
    assert {fact["result"]["status"] for fact in finished()} == {"succeeded"}, finished()[0]
    return seconds


def bare(folder: Path, *before: str) -> float:
    """Processor seconds of `python3 script` alone (behind `before`)."""
    script = folder / "bare.py"
    script.write_text(NO_OP)
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(BARE):
        subprocess.run([*before, interpreters()[0].program, str(script)], check=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / BARE


async def main(count: int, profile: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone, boxed = bare(folder), bare(folder, "bwrap", "--bind", "/", "/", "--unshare-pid", "--die-with-parent")
        async with node(folder, profile) as (grid, process):
            for shown, code in (("no-op", NO_OP), ("prints and writes a file", WRITES)):
                await members(grid, code, WARM_UP)
                before = used(process.pid)
                seconds = await members(grid, code, count)
                own, below = ((after - first) / count for after, first in zip(used(process.pid), before, strict=True))
                figure(
                    f"attempt that {shown}: runner · its box",
                    f"{ms(own)} · {ms(below)}",
                    baseline=f"python3 {ms(alone)}, in a bare bwrap {ms(boxed)}",
                )
                print(f"  {count / seconds:,.0f} /s on {os.cpu_count()} cores")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    uvloop.run(main(int(arguments[0]) if arguments else ATTEMPTS_DEFAULT, arguments[1] if arguments[1:] else ""))
