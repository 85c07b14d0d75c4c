"""A real runner process, killed as a crash would: its scripts die with it, its next life answers for them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.runtime import subjects
from services.runtime.messages import RunWork
from services.runtime.plain import to_json
from tests.fixtures.nats import NatsServer
from tests.services.runner.grid import ACCOUNT, NODE, Grid, Make


class Runner:
    """`python -m services.runner` on a home of its own."""

    def __init__(self, server: NatsServer, home: Path) -> None:
        self.env = {
            "PATH": os.environ["PATH"],
            "RGRID_HOME": str(home),
            "RGRID_NATS_URL": server.url,
            "RGRID_NATS_USER": NODE,
            "RGRID_NATS_PASSWORD": server.node_passwords[NODE],
            "RGRID_HEARTBEAT_SECONDS": "0.2",
            "RGRID_KILL_GRACE_SECONDS": "0.5",
        }

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "services.runner"], env=self.env)


async def test_a_killed_runner_is_answered_for_by_its_next_life(
    make_grid: Make, nats_server: NatsServer, tmp_path: Path
) -> None:
    grid = await make_grid("instant", begin=False)
    runner = Runner(nats_server, tmp_path / "home")
    process = runner.start()
    try:
        execution = await _running(grid)
    finally:
        process.kill()
        process.wait()
    process = runner.start()
    try:
        result = await grid.finished(execution)
        assert (result.status, result.reason.code) == ("lost", "RUNNER_RESTARTED")
        assert not _alive(f"mark-{execution}")
        await grid.until(lambda: len([verb for verb, _ in grid.reports if verb == "joined"]) == 2)
        lives = {fact["incarnation"] for verb, fact in grid.reports if verb == "joined"}
        assert len(lives) == 2
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "left"])


async def test_two_runners_do_not_share_a_folder(make_grid: Make, nats_server: NatsServer, tmp_path: Path) -> None:
    grid = await make_grid("instant", begin=False)
    runner = Runner(nats_server, tmp_path / "home")
    first = runner.start()
    try:
        await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "joined"])
        second = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "services.runner"], env=runner.env)
        assert second.returncode == 1
    finally:
        first.terminate()
        assert first.wait(20) == 0


async def _running(grid: Grid) -> str:
    """Give the joined runner a script that would go on for long; its id, once it says something."""
    await grid.until(lambda: next((fact for verb, fact in grid.reports if verb == "joined"), None))
    execution = f"exec_{time.time_ns()}"
    code = "import os, time; os.fork(); print('on', flush=True); time.sleep(1000)"
    job = await grid.job(code, args=(f"mark-{execution}",))
    work = RunWork(ACCOUNT, execution, 1, job)
    await grid.bus.publish(subjects.work(NODE, execution), to_json(work))
    await grid.until(lambda: grid.log(execution, "stdout"))
    return execution


def _alive(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
