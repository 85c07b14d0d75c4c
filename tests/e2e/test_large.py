"""Large files: an upload and a download that were killed go on where they stood; what is stored is not sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.grid import GridUnderTest

SIZE_BYTES = 200_000_000
KEEP = "import os\nos.rename('big.bin', 'out.bin')\nopen('out.bin', 'r+b').write(b'made here')\n"
RGRID = str(Path(sys.executable).with_name("rgrid"))


def desk_with(folder: Path) -> Path:
    with (folder / "big.bin").open("wb") as file:
        for _ in range(SIZE_BYTES // 1_000_000):
            file.write(os.urandom(1_000_000))
    (folder / "keep.py").write_text(KEEP)
    return folder


def killed_when(grid: GridUnderTest, words: list[str], folder: Path, there: Callable[[], bool]) -> None:
    """`rgrid ...`, ended by SIGKILL as soon as `there()`."""
    process = subprocess.Popen(
        [RGRID, *words], cwd=folder, env=grid.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not there():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()


def largest(folder: Path, pattern: str) -> Path | None:
    found = [(path.stat().st_size, path) for path in folder.glob(pattern)]
    return max(found)[1] if found else None


def test_what_was_killed_goes_on(shared_grid: GridUnderTest, tmp_path: Path) -> None:
    desk, artifacts = desk_with(tmp_path), shared_grid.home / "artifacts"

    def half_way(pattern: str, folder: Path) -> Callable[[], bool]:
        return lambda: bool((part := largest(folder, pattern)) and part.stat().st_size > SIZE_BYTES // 5)

    words = ["run", "keep.py", "--input", "big.bin", "--remote-only"]
    killed_when(shared_grid, words, desk, half_way("*/parts/*", artifacts))
    part = largest(artifacts, "*/parts/*")
    assert part is not None
    begun = part.stat().st_ino
    done = shared_grid.rgrid(*words, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert begun in {path.stat().st_ino for path in artifacts.glob("*/??/*")}

    again = shared_grid.rgrid(*words, cwd=desk)
    assert (again.returncode, "1 input (200 MB) known" in again.stderr) == (0, True), again.stderr

    fetch = ["download", "@last", "-o", "home"]
    killed_when(shared_grid, fetch, desk, half_way("*.part", desk / "home"))
    part = largest(desk / "home", "*.part")
    assert part is not None
    begun = part.stat().st_ino
    done = shared_grid.rgrid(*fetch, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert (desk / "home" / "out.bin").stat().st_ino == begun
    data = (desk / "home" / "out.bin").read_bytes()
    assert data[:9] == b"made here"
    assert data[9:] == (desk / "big.bin").read_bytes()[9:]
