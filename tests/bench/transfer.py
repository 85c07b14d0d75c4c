"""1 GiB up and down through the command line, beside `cp`, and the most memory that any part held meanwhile.

The script copies its input, so the same bytes come home as an output. `python -m tests.bench.transfer [MiB]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.figures import figure
from tests.bench.grid import real_grid
from tests.bench.processes import peak_rss_bytes, reset_peak
from tests.fixtures.grid import GridUnderTest

MIB_DEFAULT = 1024
RSS_MIB_MAX = 200
SCRIPT = "import shutil\nshutil.copyfile('big.bin', 'out.bin')\n"
RGRID = str(Path(sys.executable).with_name("rgrid"))


def write(path: Path, mib: int) -> None:
    """Bytes that do not compress."""
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))


def run(grid: GridUnderTest, folder: Path) -> tuple[float, int]:
    """Seconds of `rgrid run` from upload to download, and its own peak."""
    command = [RGRID, "run", "copy.py", "--input", "big.bin", "--memory", "4g", "-o", "home"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=grid.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks = [0]

    def watch() -> None:
        while process.poll() is None:
            peaks.append(peak_rss_bytes(process.pid))
            time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    watching.join()
    assert process.returncode == 0
    return time.perf_counter() - began, max(peaks)


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else MIB_DEFAULT
    with real_grid() as grid, tempfile.TemporaryDirectory(prefix="rgrid-bench-") as name:
        folder = Path(name)
        (folder / "copy.py").write_text(SCRIPT)
        write(folder / "big.bin", mib)
        began = time.perf_counter()
        subprocess.run(["cp", "big.bin", "copy.bin"], cwd=folder, check=True)
        copied = time.perf_counter() - began
        (folder / "copy.bin").unlink()
        pids = {part: grid.pids[part] for part in ("gateway", "runner")}
        for pid in pids.values():
            reset_peak(pid)
        seconds, own = run(grid, folder)
        assert (folder / "home" / "out.bin").stat().st_size == mib << 20
        peaks = {"CLI": own, **{part: peak_rss_bytes(pid) for part, pid in pids.items()}}
        both = 2 * mib / seconds
        figure(
            f"{mib:,} MiB up, through a script and down again",
            f"{seconds:.1f} s, {both:,.0f} MiB/s",
            baseline=f"cp {copied:.1f} s, {mib / copied:,.0f} MiB/s",
            target="reported",
        )
        for part, peak in peaks.items():
            measured = peak / 2**20
            figure(
                f"  peak RSS of the {part}",
                f"{measured:,.0f} MiB",
                target=f"< {RSS_MIB_MAX} MiB",
                met=measured < RSS_MIB_MAX,
            )


if __name__ == "__main__":
    main()
