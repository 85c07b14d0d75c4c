"""A real runner in a process of its own, a neighbour that runs all the while, and a look at what an attack left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from domain.execution.events import AttemptResult
from domain.execution.job import Limits
from services.runner.sandbox.instant import Instant
from services.runtime.streams import apply_streams
from tests.fixtures.nats import NatsServer
from tests.hostile.attacks import MIB, Attack
from tests.services.artifacts.conftest import serving
from tests.services.runner.grid import NODE, Grid

LOG_BYTES_MAX = 8 * MIB
GROWTH_BYTES_MAX = 160 * MIB
"""The most that the runner may hold at any time beyond what it held at its begin."""
DESCRIPTORS_MORE_MAX = 16
SECONDS_MAX = 90.0
WARM, RUNS_UNTIL_WARM = "bubblewrap+warm", 100
CANARY_EVERY = 4
"""Attacks in containers, which take their time to start."""
GROUPS = Path("/sys/fs/cgroup")

NEIGHBOUR = """
import os, sys, threading, time
work, tick = {"mine": bytes(range(256)) * 4000}, 0
while True:
    tick += 1
    with open("state", "w") as file:
        file.write(str(tick))
    assert open("state").read() == str(tick) and os.listdir() in (["main.py", "state"], ["state", "main.py"])
    assert work["mine"] == bytes(range(256)) * 4000
    thread = threading.Thread(target=int); thread.start(); thread.join()
    if tick % 20 == 0:
        pid = os.fork() or os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    os.write(1, b"tick %d\\n" % tick)
    time.sleep(0.05)
"""
CANARY = """
import os, pathlib, subprocess, sys, tempfile
assert sorted(os.listdir()) == ["in.txt", "main.py"], os.listdir()
assert subprocess.run(["cat", "in.txt"], capture_output=True).stdout == b"corn"
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
pathlib.Path("out").mkdir()
pathlib.Path("out/song").write_text("la")
print("alive")
"""


@dataclass
class Arena:
    """`kind` is the sandbox; `home` the runner's RGRID_HOME."""

    kind: str
    grid: Grid
    home: Path
    runner: subprocess.Popen[bytes]
    neighbour: str = ""
    rested_bytes: int = 0
    rested_descriptors: int = 0
    attacks: int = 0
    known: dict[str, str] = field(default_factory=dict)
    """What words of attacks may stand for, beside `home` and `runner`."""

    @property
    def cold(self) -> bool:
        return self.kind != "warm"

    async def attack(self, attack: Attack) -> tuple[str, AttemptResult]:
        """Run it to its end and see that the runner, the machine and the neighbour are as before; its id and result."""
        if self.kind == "warm":
            await self._warm(attack.network)
        _forget_peak(self.runner.pid)
        words = tuple(word.format(home=self.home, runner=self.runner.pid, **self.known) for word in attack.args)
        options = {**attack.options, "args": words, "cold": self.cold}
        execution = await self.grid.send(await self.grid.job(attack.script, inputs=dict(attack.inputs), **options))
        if "CANCELLED" in attack.ends:
            said_or_ended = lambda: (  # noqa: E731
                attack.says.encode() in self.grid.log(execution, "stdout") or self.grid.facts("finished", execution)
            )
            await self.grid.until(said_or_ended, 60)
            await asyncio.sleep(attack.goes_on)
            await self.grid.cancel(execution)
        await self.grid.until(lambda: self.grid.facts("finished", execution), 90)
        result = await self.grid.finished(execution)
        said = await self.said(execution, result)
        if self.kind == "warm" and attack.runtime == "python":
            assert self.grid.facts("finished", execution)[0]["sandbox"] == WARM
        assert result.reason.code in attack.ends, (result, said[0][-2000:], said[1][-2000:])
        assert attack.says.encode() in said[0], (result, said[0][-2000:], said[1][-2000:])
        if attack.outputs is not None:
            assert {file.path for file in result.outputs.entries} == {*attack.outputs}, result
        if attack.refused is not None:
            assert {each.path for each in result.outputs_refused} == {*attack.refused}, result
        self.attacks += 1
        often = self.kind != "docker" or self.attacks % CANARY_EVERY == 0
        await self.unharmed(execution, canary=often and not attack.harmless)
        return execution, result

    async def _warm(self, network: bool) -> None:
        """Until there is a zygote for the next one."""
        for _ in range(RUNS_UNTIL_WARM):
            execution, _ = await self.run("pass", network=network, limits=_small())
            if self.grid.facts("finished", execution)[0]["sandbox"] == WARM:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("no zygote came")

    async def run(self, code: str, **options: Any) -> tuple[str, AttemptResult]:
        execution = await self.grid.send(await self.grid.job(code, **options))
        await self.grid.until(lambda: self.grid.facts("finished", execution), 60)
        return execution, await self.grid.finished(execution)

    async def said(self, execution: str, result: AttemptResult) -> tuple[bytes, bytes]:
        """Its stdout and stderr, whole."""
        await self.grid.until(lambda: len(self.grid.chunks.get(execution, [])) == result.log.chunks)
        return self.grid.log(execution, "stdout"), self.grid.log(execution, "stderr")

    async def unharmed(self, execution: str, canary: bool = True) -> None:
        """The next run (`canary`) succeeds, and of this one nothing is left but what it gave back."""
        await self._neighbour_ticks()
        ended = (execution, await self._canary()) if canary else (execution,)
        assert self.runner.poll() is None
        for look in (self._processes, self._groups, self._folders):
            await _none_left(lambda look=look: look(ended), look.__name__)  # type: ignore[misc]
        await _none_left(self._too_many_descriptors, "descriptors")
        assert _peak(self.runner.pid) - self.rested_bytes < GROWTH_BYTES_MAX

    async def _canary(self) -> str:
        canary, result = await self.run(CANARY, inputs={"in.txt": b"corn"}, cold=self.cold, limits=_small())
        said = await self.said(canary, result)
        assert (result.reason.code, said) == ("OK", (b"alive\n", b"")), (result, said)
        assert [file.path for file in result.outputs.entries] == ["out/song"]
        return canary

    async def begin(self) -> None:
        """The first runs, after which the runner is at rest."""
        await self._canary()
        limits = Limits(200, 128 * MIB, 3600)
        self.neighbour = await self.grid.send(await self.grid.job(NEIGHBOUR, limits=limits, cold=self.cold))
        await self._neighbour_ticks()
        self.rested_bytes, self.rested_descriptors = _peak(self.runner.pid), len(_descriptors(self.runner.pid))

    async def end(self) -> None:
        """The neighbour goes on to the last, then the runner leaves in good order."""
        await self._canary()
        await self._neighbour_ticks()
        await self.grid.cancel(self.neighbour)
        assert (await self.grid.finished(self.neighbour)).reason.code == "CANCELLED"
        self.runner.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.runner.wait, 20) == 0
        assert not self._groups((self.neighbour,))

    async def _neighbour_ticks(self) -> None:
        """It goes on, in order, and has nothing to complain of."""
        chunks = self.grid.chunks
        before = len(chunks.get(self.neighbour, []))
        await self.grid.until(lambda: len(chunks.get(self.neighbour, [])) > before + 1)
        assert not self.grid.log(self.neighbour, "stderr")
        ticks = [int(line.split()[1]) for line in self.grid.log(self.neighbour, "stdout").split(b"\n")[:-1]]
        assert ticks == [*range(1, len(ticks) + 1)]

    def _processes(self, executions: tuple[str, ...]) -> list[str]:
        """Processes on this machine that were started by the executions."""
        names = [execution.encode() for execution in executions]
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                told = (folder / "environ").read_bytes() + (folder / "cgroup").read_bytes()
                if any(name in told for name in names):
                    found.append(f"{folder.name}: {(folder / 'cmdline').read_bytes()!r}")
        return found

    def _groups(self, executions: tuple[str, ...]) -> list[Path]:
        """Control groups of the executions."""
        roots = [path for path in GROUPS.glob("*/rgrid/*") if path.is_dir()] + [*GROUPS.glob("rgrid/*")]
        return [path for root in roots for path in root.glob("*") if path.name.startswith(executions)]

    def _folders(self, executions: tuple[str, ...]) -> list[Path]:
        """Folders of the executions in the node's folder."""
        attempts = self.home / "node" / NODE / "attempts"
        return [path for path in attempts.iterdir() if path.name.startswith(executions)] if attempts.exists() else []

    def _too_many_descriptors(self) -> list[str]:
        found = _descriptors(self.runner.pid)
        return found if len(found) > self.rested_descriptors + DESCRIPTORS_MORE_MAX else []


@contextlib.asynccontextmanager
async def arena(kind: str, folder: Path) -> AsyncIterator[Arena]:
    """A grid around a runner whose sandbox is `kind` (warm: bubblewrap, with warm starts)."""
    (folder / "nats").mkdir()
    server = NatsServer(folder / "nats")
    server.start()
    home = folder / "home"
    runner: subprocess.Popen[bytes] | None = None
    try:
        bus = await server.connect()
        await apply_streams(bus)
        with serving() as address:
            client = address.client(folder / "artifacts")
            async with aiohttp.ClientSession(auto_decompress=False) as http:
                grid = Grid(bus, bus, client.store, client, folder, Instant(), None, http)
                await grid.open()
                runner = _start(kind, server, home, folder / "runner.log")
                await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "joined"])
                found = Arena(kind, grid, home, runner)
                await found.begin()
                yield found
                await found.end()
                for task in grid.tasks:
                    task.cancel()
            client.store.close()
        await bus.close()
    finally:
        if runner is not None and runner.poll() is None:
            runner.kill()
            runner.wait()
        server.kill()


def _start(kind: str, server: NatsServer, home: Path, log: Path) -> subprocess.Popen[bytes]:
    env = {
        **{name: text for name, text in os.environ.items() if name in ("PATH", "DOCKER_HOST")},
        "RGRID_HOME": str(home),
        "RGRID_SANDBOX": "bubblewrap" if kind == "warm" else kind,
        "RGRID_WARM": "on" if kind == "warm" else "off",
        "RGRID_NATS_URL": server.url,
        "RGRID_NATS_USER": NODE,
        "RGRID_NATS_PASSWORD": server.node_passwords[NODE],
        "RGRID_HEARTBEAT_SECONDS": "0.2",
        "RGRID_KILL_GRACE_SECONDS": "0.2",
        "RGRID_LOG_BYTES_MAX": str(LOG_BYTES_MAX),
    }
    home.mkdir(mode=0o700)
    (home / "credentials").write_text('{"api_key": "rgk_of_the_grid"}')
    with log.open("wb") as file:
        return subprocess.Popen([sys.executable, "-m", "services.runner"], env=env, stderr=file)


def _small() -> Limits:
    return Limits(500, 128 * MIB, 60)


async def _none_left(look: Callable[[], list[Any]], what: str) -> None:
    """Looked at again and again: folders and groups go a moment after the end is said."""
    deadline = time.monotonic() + SECONDS_MAX
    while found := look():
        assert time.monotonic() < deadline, (what, found)
        await asyncio.sleep(0.02)


def _forget_peak(pid: int) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> int:
    """The most memory that a process held, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _descriptors(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 (names, not paths)
