"""How long `rgrid up -d` takes, cold and warm, and what the grid uses when nobody asks anything of it.

`python -m tests.bench.starting [idle seconds]`; the baseline is `python -c pass` beside the starts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import figure, ms
from tests.bench.grid import home
from tests.bench.processes import cpu_seconds, pss_bytes, tree
from tests.fixtures.grid import GridUnderTest

RGRID = str(Path(sys.executable).with_name("rgrid"))
ROUNDS = 3
IDLE_SECONDS = 20.0
SETTLE_SECONDS = 3.0
COLD_SECONDS, WARM_SECONDS = 5.0, 2.0
MEMORY_MIB, CPU_PERCENT = 350, 3.0


def timed(*command: str, **more: object) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)  # type: ignore[call-overload]
    return time.perf_counter() - began


def up(grid: GridUnderTest) -> float:
    return timed(RGRID, "up", "-d", env=grid.env)


def idle(grid: GridUnderTest, seconds: float) -> None:
    """Memory and processor of everything below the supervisor, over `seconds`."""
    time.sleep(SETTLE_SECONDS)
    supervisor = grid.pids["supervisor"]
    before, began = cpu_seconds(tree(supervisor)), time.perf_counter()
    time.sleep(seconds)
    pids = tree(supervisor)
    percent = (cpu_seconds(pids) - before) / (time.perf_counter() - began) * 100
    mib = pss_bytes(pids) / 2**20
    shares = " · ".join(f"{name} {pss_bytes(own(grid, name)) / 2**20:.0f}" for name in grid.pids)
    figure("idle grid, memory (sum of PSS)", f"{mib:,.0f} MiB", target=f"<= {MEMORY_MIB} MiB", met=mib <= MEMORY_MIB)
    print(f"  MiB: {shares} · {len(pids)} processes")
    figure(
        f"idle grid, processor over {seconds:.0f} s",
        f"{percent:.1f} % of a core",
        target=f"<= {CPU_PERCENT:.0f} %",
        met=percent <= CPU_PERCENT,
    )


def own(grid: GridUnderTest, name: str) -> list[int]:
    """The processes of one part; the supervisor's are all, so of it only itself."""
    return [grid.pids[name]] if name == "supervisor" else tree(grid.pids[name])


def main() -> None:
    cold, warm, bare = [], [], []
    for number in range(ROUNDS):
        with home() as grid:
            cold.append(up(grid))
            if number == 0:
                idle(grid, float(sys.argv[1]) if len(sys.argv) > 1 else IDLE_SECONDS)
            grid.down()
            warm.append(up(grid))
        bare.append(timed(sys.executable, "-c", "pass"))
    beside = f"python -c pass {ms(statistics.median(bare))}"
    for name, values, most in (("cold, initdb included", cold, COLD_SECONDS), ("warm", warm, WARM_SECONDS)):
        median = statistics.median(values)
        figure(
            f"rgrid up -d, {name}", f"{median:.2f} s", baseline=beside, target=f"<= {most:.0f} s", met=median <= most
        )


if __name__ == "__main__":
    main()
