"""Warm starts in containers: one container per environment and account, a box in it for each run."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain.execution.job import Limits
from services.runner.sandbox.box import BOX_UID, Running, Spec, TakesImages, Warmth
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.warm.docker_hatchery import WarmContainers
from services.runner.warm.warm import warmed
from tests.fixtures.docker import docker
from tests.services.runner.boxes import MIB, Outcome, finish
from tests.services.runner.docker.conftest import NODE, Open, of_node

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("root"), pytest.mark.needs("cgroup")]

WALLS = """
import os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(os.getuid(), os.getgid(), {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}, status["NoNewPrivs"])
for place in ("/usr", "/etc", "/", "/run/rgrid", "/proc/sys/kernel", "/sys", "/run/secrets"):
    try:
        open(os.path.join(place, "x"), "w")
    except OSError:
        continue
    raise SystemExit(place)
print(sorted(os.listdir("/sys/class/net")), len([each for each in os.listdir("/proc") if each.isdigit()]))
print([place for place in ("/sys/firmware", "/sys/kernel", "/sys/fs", "/sys/module") if os.listdir(place)])
print(os.environ["GIVEN"], open("/run/secrets/token").read(), os.listdir("/tmp"))
open("/tmp/left", "w").write("x")
open("out.txt", "w").write("x")
"""


@dataclass
class Scripts:
    """Starts scripts of one account in a sandbox that keeps interpreters warm."""

    sandbox: WarmContainers
    folder: Path
    count: int = field(default=0)

    async def start(
        self, text: str, memory: int = 256 * MIB, account: str = "acct", image: str | None = None
    ) -> Running:
        self.count += 1
        python = next(each for each in self.sandbox.interpreters if each.runtime == "python")
        work = self.folder / f"a{self.count}" / "work"
        work.mkdir(parents=True)
        (work / "script.py").write_text(text)
        spec = Spec(
            f"w{os.getpid()}-{self.count}",
            (python.program, "script.py"),
            work,
            work,
            Limits(1000, memory, 60, 1024 * MIB),
            env={"GIVEN": "yes"},
            base_env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
            image=python.image if image is None else image,
            secrets={"token": b"word"},
            warm=Warmth(account),
        )
        return await self.sandbox.start(spec)

    async def warm(self, text: str, **options: int) -> tuple[Outcome, Path]:
        """In a warm interpreter, which is waited for; its outcome and its folder."""
        for _ in range(300):
            running = await self.start(text if self.sandbox.nest.warm else "", **options)
            if getattr(running, "warm", False):
                return await finish(running), self.folder / f"a{self.count}" / "work"
            await finish(running)
            await self.warmed_up()
        raise AssertionError("no interpreter ever was warm")

    async def warmed_up(self) -> None:
        await asyncio.gather(*self.sandbox.nest.warming.values())


@pytest.fixture
async def scripts(open_containers: Open, tmp_path: Path) -> AsyncIterator[Scripts]:
    opened = await open_containers()
    sandbox = warmed(opened.sandbox, tmp_path, find_groups(NODE)[0])
    assert isinstance(sandbox, WarmContainers)
    yield Scripts(sandbox, tmp_path)
    await sandbox.close()


async def test_a_warm_start_has_the_walls_of_a_cold_one(scripts: Scripts) -> None:
    outcome, work = await scripts.warm(WALLS)
    walls = f"{BOX_UID} {BOX_UID} {{'0000000000000000'}} 1\n['lo'] 2\n[]\nyes word []\n"
    assert (outcome.exit.code, outcome.stdout, outcome.stderr, outcome.gone) == (0, walls, "", True)
    assert (work / "out.txt").read_text() == "x"
    assert (await scripts.warm(WALLS))[0].stdout == walls
    assert len(of_node()) == 1


async def test_ends_and_usage_of_a_warm_start(scripts: Scripts) -> None:
    assert (await scripts.warm("raise SystemExit(7)"))[0].exit.code == 7
    outcome, _ = await scripts.warm("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert (outcome.exit.signal, outcome.oom) == (signal.SIGKILL, False)
    outcome, _ = await scripts.warm("x = b'1' * 400_000_000", memory=64 * MIB)
    assert (outcome.exit.signal, outcome.oom) == (signal.SIGKILL, True)
    outcome, _ = await scripts.warm("x = bytearray(60_000_000)\nimport time\nwhile time.process_time() < 0.1: pass")
    assert outcome.usage.cpu_ms >= 50 and (outcome.usage.memory_peak_bytes or 0) > 55 * MIB


async def test_each_account_has_a_container_of_its_own(scripts: Scripts) -> None:
    await scripts.warm("pass")
    assert not getattr(await _ended(await scripts.start("pass", account="other")), "warm", False)
    await scripts.warmed_up()
    assert len(scripts.sandbox.nest.warm) == 2
    names = [name for name in of_node() if "zygote" in name]
    assert len(names) == 2


async def test_a_container_that_is_gone_takes_its_scripts_along_and_is_replaced(scripts: Scripts) -> None:
    await scripts.warm("pass")
    running = await scripts.start("import time; time.sleep(1000)")
    assert getattr(running, "warm", False)
    docker("rm", "-f", *[name for name in of_node() if "zygote" in name])
    outcome = await finish(running)
    assert (outcome.exit.signal, outcome.gone) == (signal.SIGKILL, True)
    assert (await scripts.warm("print('again')"))[0].stdout == "again\n"


async def test_nothing_is_left_in_the_end(scripts: Scripts) -> None:
    assert isinstance(scripts.sandbox, TakesImages)
    await scripts.warm("pass")
    await scripts.sandbox.close()
    for _ in range(100):
        if not of_node():
            break
        await asyncio.sleep(0.05)
    assert of_node() == []


async def _ended(running: Running) -> Running:
    await finish(running)
    return running
