"""What a run in a container costs: a container of its own, and a fork of a warm interpreter; beside `docker run`.

`python -m tests.bench.docker [rounds]`; all three take turns, so that they see the same machine.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from domain.execution.job import Limits
from services.runner.interpreters import interpreters, pick
from services.runner.sandbox.box import Sandbox, Spec, Warmth
from services.runner.sandbox.choose import choose
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.sandbox.spawn import close_all
from services.runner.warm.warm import Warm, warmed
from tests.bench.figures import figure, ms, percentile
from tests.fixtures.docker import PYTHON_IMAGE, why_no_containers

ROUNDS = 30
LINES = 500_000
WARM_SECONDS = 0.060
MIB = 1024**2


class Bench:
    """Runs scripts in `sandbox`, one after the other."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self._folder = sandbox, folder
        self._count = 0

    async def run(self, text: str, *, warm: bool) -> tuple[float, int]:
        """Seconds from the start to the sight of its end, and the bytes that it said."""
        self._count += 1
        python = pick(self.sandbox.interpreters, "python", "")
        work = self._folder / f"b{self._count}" / "work"
        work.mkdir(parents=True)
        (work / "script.py").write_text(text)
        argv, limits = (python.program, "script.py"), Limits(2000, 512 * MIB, 60, 1024 * MIB)
        warmth = Warmth("bench") if warm else None
        spec = Spec(f"b{self._count}", argv, work, work, limits, base_env=ENV, image=python.image, warm=warmth)
        began, said = time.perf_counter(), 0
        running = await self.sandbox.start(spec)
        ending = asyncio.create_task(running.wait())
        while not ending.done():
            said += _taken(running.stdout)
            await asyncio.wait((ending,), timeout=0.001)
        await running.kill(0)
        seconds = time.perf_counter() - began
        said += _taken(running.stdout)
        close_all(running.stdout, running.stderr)
        running.close()
        return seconds, said


ENV = {"PATH": "/usr/bin:/bin", "HOME": "/tmp"}


def _taken(fd: int) -> int:
    total = 0
    while True:
        try:
            data = os.read(fd, MIB)
        except BlockingIOError:
            return total
        if not data:
            return total
        total += len(data)


async def docker_run() -> float:
    command = ("docker", "run", "--rm", "--network", "none", PYTHON_IMAGE, "/usr/bin/env", "python3", "-c", "print(1)")
    began = time.perf_counter()
    done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    assert await done.wait() == 0
    return time.perf_counter() - began


async def measure(rounds: int, folder: Path) -> None:
    node = f"bench-{os.getpid()}"
    groups, _ = find_groups(node)
    choice = await choose("docker", folder, groups, interpreters(), ContainersWanted(node))
    sandbox = warmed(choice.sandbox, folder, groups)
    bench = Bench(sandbox, folder)
    await bench.run("print(1)", warm=True)
    if isinstance(sandbox, Warm):
        await asyncio.gather(*sandbox.nest.warming.values())
    cold, warm, bare = [], [], []
    for _ in range(rounds):
        cold.append((await bench.run("print(1)", warm=False))[0])
        warm.append((await bench.run("print(1)", warm=True))[0])
        bare.append(await docker_run())
    beside = f"docker run {ms(statistics.median(bare))}"
    figure("docker, cold container per run, p50", ms(statistics.median(cold)), baseline=beside)
    median = statistics.median(warm)
    figure(
        "docker, warm, p50", ms(median), baseline=beside, target=f"<= {ms(WARM_SECONDS)}", met=median <= WARM_SECONDS
    )
    print(f"  p95: cold {ms(percentile(cold, 95))} · warm {ms(percentile(warm, 95))} · {rounds} rounds in turns")
    text = f"import sys\nfor number in range({LINES}):\n    sys.stdout.write(f'{{number:09d}}\\n')"
    seconds, said = await bench.run(text, warm=False)
    assert said == LINES * 10
    figure("docker, lines of a flood", f"{LINES / seconds:,.0f} lines/s", baseline="start and end of it included")
    if isinstance(sandbox, Warm):
        await sandbox.close()
    await choice.close()
    if groups is not None:
        groups.close()


def main() -> None:
    reason = why_no_containers()
    if reason:
        print(f"docker: not measured here: {reason}")
        return
    with tempfile.TemporaryDirectory(prefix="rgrid-bench-") as folder:
        asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, Path(folder)))


if __name__ == "__main__":
    main()
