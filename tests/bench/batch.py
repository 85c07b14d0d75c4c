"""A batch of inputs through the command line, from `rgrid run` to the last result at home, beside `xargs` and GNU parallel.

The script does nothing, so what is measured is what each tool adds; rgrid runs every input in a sandbox of its own.
`python -m tests.bench.batch [inputs]`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from services.runner.interpreters import interpreters
from tests.bench.figures import figure
from tests.bench.grid import real_grid
from tests.bench.processes import cpu_seconds, tree
from tests.fixtures.grid import GridUnderTest

INPUTS_DEFAULT, WARM_UP = 1000, 50
RATIO_MAX = 2.0
RGRID = str(Path(sys.executable).with_name("rgrid"))


def write(folder: Path, count: int) -> None:
    """`count` inputs in folder/in, and the script."""
    (folder / "in").mkdir(parents=True)
    (folder / "noop.py").write_text("pass\n")
    for number in range(count):
        (folder / "in" / f"{number:05}.txt").write_text(f"{number}\n")


def bare(folder: Path, *command: str) -> float:
    """Seconds that `command` takes to run the script over every input, two at a time."""
    names = "".join(f"in/{path.name}\n" for path in sorted((folder / "in").iterdir()))
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, input=names, text=True, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def rgrid(grid: GridUnderTest, folder: Path, count: int, *more: str) -> float:
    """Seconds of the whole command; every member must have succeeded."""
    command = [RGRID, "run", "noop.py", "--batch", "in/*.txt", "--parallel", "2", "-o", "home", *more]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=grid.env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    index = json.loads((folder / "home" / "batch.json").read_text())
    assert index["counts"]["succeeded"] == count, index["counts"]
    return seconds


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS_DEFAULT
    python = interpreters()[0].program
    with real_grid() as grid, tempfile.TemporaryDirectory(prefix="rgrid-bench-") as name:
        warm, folder = Path(name) / "warm", Path(name) / "batch"
        write(warm, WARM_UP)
        write(folder, count)
        rgrid(grid, warm, WARM_UP, "--cold")
        xargs = bare(folder, "xargs", "-P", "2", "-n", "1", python, "noop.py")
        pids = {part: pid for part, pid in grid.pids.items() if part != "supervisor"}
        before = {part: cpu_seconds(tree(pid)) for part, pid in pids.items()}
        seconds = rgrid(grid, folder, count, "--cold")
        used = {part: (cpu_seconds(tree(pids[part])) - cpu) / count * 1e3 for part, cpu in before.items()}
        ratio = seconds / xargs
        figure(
            f"batch of {count:,} no-op inputs, cold sandbox",
            f"{seconds:.2f} s = {ratio:.2f} x",
            baseline=f"xargs -P 2 {xargs:.2f} s",
            target=f"<= {RATIO_MAX:.1f} x",
            met=ratio <= RATIO_MAX,
        )
        shares = " · ".join(f"{part} {cpu:.2f}" for part, cpu in used.items())
        print(f"  processor ms a member: {shares} · together {sum(used.values()):.2f}")
        if shutil.which("parallel"):
            home = {**os.environ, "HOME": name}
            subprocess.run(["parallel", "--version"], env=home, capture_output=True, check=True)
            with_parallel = bare(folder, "parallel", "-j", "2", python, "noop.py")
            figure(
                "  GNU parallel -j 2, the same",
                f"{with_parallel:.2f} s = {with_parallel / xargs:.2f} x",
                target="reported",
            )


if __name__ == "__main__":
    main()
