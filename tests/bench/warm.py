"""Warm starts: what a fork from a zygote costs, alone and in a batch, beside what it replaces.

`python -m tests.bench.warm [inputs]`; pandas comes from the package index that uv is set up for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from domain.execution.job import Limits
from services.runner.interpreters import interpreters
from services.runner.sandbox.box import Sandbox, Spec, Warmth
from services.runner.sandbox.choose import choose
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.sandbox.spawn import close_all
from services.runner.warm.warm import Warm, warmed
from tests.bench.batch import bare, rgrid, write
from tests.bench.figures import figure, ms
from tests.bench.grid import real_grid
from tests.bench.processes import cpu_seconds, tree
from tests.fixtures.grid import GridUnderTest

STARTS, INPUTS_DEFAULT, WARM_UP, PANDAS_INPUTS = 100, 1000, 50, 100
BATCH_RATIO_MAX, PANDAS_RATIO_MAX = 1.0, 0.10
PANDAS = '# /// script\n# dependencies = ["pandas"]\n# ///\nimport pandas\n'
ENV = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}


async def one(sandbox: Sandbox, folder: Path) -> tuple[float, int]:
    """Seconds until the box is gone, and processor milliseconds used in it."""
    work = folder / "start" / "work"
    work.mkdir(parents=True)
    (work / "noop.py").write_text("pass\n")
    program, limits = interpreters()[0].program, Limits(1000, 256 * 1024**2, 60)
    began = time.perf_counter()
    spec = Spec(f"bench-{os.getpid()}", (program, "noop.py"), work, work, limits, base_env=ENV, warm=Warmth("bench"))
    running = await sandbox.start(spec)
    end = await running.wait()
    await running.kill(0)
    seconds, cpu_ms = time.perf_counter() - began, running.usage().cpu_ms
    close_all(running.stdout, running.stderr)
    running.close()
    shutil.rmtree(folder / "start")
    assert end.code == 0
    return seconds, cpu_ms


def fork() -> float:
    """Seconds of a fork of this process that ends at once."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return time.perf_counter() - began


async def starts(folder: Path) -> None:
    """A warm start alone, beside a cold one, an interpreter without a box, and a fork without anything."""
    groups, _ = find_groups(f"bench-{os.getpid()}")
    choice = await choose("bubblewrap", folder, groups, interpreters())
    warm = warmed(choice.sandbox, folder, groups)
    assert isinstance(warm, Warm)
    await one(warm, folder)
    await asyncio.gather(*warm.nest.warming.values())
    seen: dict[str, list[tuple[float, int]]] = {"warm": [], "cold": []}
    forks, pythons = [], []
    for _ in range(STARTS):
        for name, sandbox in (("warm", warm), ("cold", choice.sandbox)):
            seen[name].append(await one(sandbox, folder))
        forks.append(fork())
        began = time.perf_counter()
        subprocess.run([interpreters()[0].program, "-c", "pass"], check=True)  # noqa: ASYNC221 (nothing else goes on)
        pythons.append(time.perf_counter() - began)
    await warm.close()
    if groups is not None:
        groups.close()
    wall = {name: statistics.median(each[0] for each in found) for name, found in seen.items()}
    cpu = {name: statistics.mean(each[1] for each in found) for name, found in seen.items()}
    beside = f"bwrap+python {ms(wall['cold'])} ({cpu['cold']:.1f} ms cpu) · python {ms(statistics.median(pythons))}"
    figure(
        "a warm start, until its box is gone",
        f"{ms(wall['warm'])} ({cpu['warm']:.1f} ms cpu) = {wall['warm'] / wall['cold']:.2f} x",
        baseline=f"{beside} · bare fork {ms(statistics.median(forks))}",
        target="reported",
    )


def batch(grid: GridUnderTest, folder: Path, count: int) -> None:
    """`count` inputs that do nothing, through the whole grid, beside xargs."""
    write(folder, count)
    xargs = bare(folder, "xargs", "-P", "2", "-n", "1", interpreters()[0].program, "noop.py")
    pids = {part: pid for part, pid in grid.pids.items() if part != "supervisor"}
    before = {part: cpu_seconds(tree(pid)) for part, pid in pids.items()}
    seconds = rgrid(grid, folder, count)
    used = {part: (cpu_seconds(tree(pids[part])) - cpu) / count * 1e3 for part, cpu in before.items()}
    figure(
        f"batch of {count:,} no-op inputs, warm",
        f"{seconds:.2f} s = {seconds / xargs:.2f} x",
        baseline=f"xargs -P 2 {xargs:.2f} s",
        target=f"<= {BATCH_RATIO_MAX:.1f} x",
        met=seconds <= BATCH_RATIO_MAX * xargs,
    )
    shares = " · ".join(f"{part} {cpu:.2f}" for part, cpu in used.items())
    print(f"  processor ms a member: {shares} · together {sum(used.values()):.2f}")


def pandas(grid: GridUnderTest, folder: Path) -> None:
    """PANDAS_INPUTS times `import pandas`, the second time, beside xargs in an environment that is there."""
    write(folder, PANDAS_INPUTS)
    (folder / "noop.py").write_text(PANDAS)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([uv, "venv", "-q", "--python", interpreters()[0].program, str(folder / "venv")], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "--compile-bytecode", "pandas"], check=True)
    xargs = bare(folder, "xargs", "-P", "2", "-n", "1", python, "noop.py")
    shutil.rmtree(folder / "venv")
    rgrid(grid, folder, PANDAS_INPUTS)
    shutil.rmtree(folder / "home")
    seconds = rgrid(grid, folder, PANDAS_INPUTS)
    figure(
        f"{PANDAS_INPUTS} x import pandas, the second time",
        f"{seconds:.2f} s = {seconds / xargs:.2f} x",
        baseline=f"xargs -P 2 {xargs:.2f} s",
        target=f"<= {PANDAS_RATIO_MAX:.2f} x",
        met=seconds <= PANDAS_RATIO_MAX * xargs,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS_DEFAULT
    with tempfile.TemporaryDirectory(prefix="rgrid-bench-") as name:
        asyncio.run(starts(Path(name)))
        with real_grid() as grid:
            write(Path(name) / "warm", WARM_UP)
            rgrid(grid, Path(name) / "warm", WARM_UP)
            batch(grid, Path(name) / "batch", count)
            pandas(grid, Path(name) / "pandas")
    print("  the first line of a warm script: python -m tests.bench.first_line")


if __name__ == "__main__":
    main()
