"""P12: who follows a log gets every line once, in order, whatever is killed meanwhile."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.scripts import begin
from tests.fixtures.grid import GridUnderTest

LINES = 40
TICKS = b"import time\nfor i in range(%d):\n    print('tick', i, flush=True)\n    time.sleep(0.1)\n" % LINES


@pytest.mark.parametrize("part", ["gateway", "nats-server", "services", "postgres"])
def test_a_follower_loses_and_repeats_no_line_when_a_part_is_killed(shared_grid: GridUnderTest, part: str) -> None:
    _, id = begin(shared_grid, TICKS)
    rgrid = str(Path(sys.executable).with_name("rgrid"))
    # Unbuffered: communicate() would leave out what readline() had read ahead into a buffer.
    follower = subprocess.Popen(
        [rgrid, "logs", "-f", id], env=shared_grid.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert follower.stdout is not None
    first = follower.stdout.readline()
    time.sleep(0.5)
    shared_grid.kill(part)
    rest, said = follower.communicate(timeout=90)
    assert follower.returncode == 0, said.decode()
    assert first + rest == b"".join(b"tick %d\n" % i for i in range(LINES)), said.decode()
