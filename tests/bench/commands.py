"""What a short command costs from the shell's view: the whole process, beside `python -c pass`.

`python -m tests.bench.commands [runs]`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import figure, ms
from tests.bench.grid import real_grid
from tests.fixtures.grid import GridUnderTest

RUNS = 30
VERSION_SECONDS, STATUS_SECONDS = 0.080, 0.120
RGRID = str(Path(sys.executable).with_name("rgrid"))


def took(grid: GridUnderTest, *command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=grid.env)
    return time.perf_counter() - began


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with real_grid() as grid, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "noop.py"
        script.write_text("pass\n")
        execution = grid.rgrid("run", "-d", str(script), check=True).stdout.strip()
        grid.rgrid("wait", execution, check=True)
        commands = {
            "python": (sys.executable, "-c", "pass"),
            "version": (RGRID, "--version"),
            "status": (RGRID, "status", execution),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                seconds[name].append(took(grid, *command))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, shown, most in (
        ("version", "rgrid --version", VERSION_SECONDS),
        ("status", "rgrid status ID", STATUS_SECONDS),
    ):
        figure(
            f"{shown}, whole process",
            ms(median[name]),
            baseline=f"python -c pass {ms(median['python'])}",
            target=f"<= {most * 1000:.0f} ms",
            met=median[name] <= most,
        )


if __name__ == "__main__":
    main()
