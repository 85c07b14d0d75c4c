"""Scripts that the fault tests run, and what starts them."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.client import Client
from tests.fixtures.grid import GridUnderTest

WORK = b"""
import os, time
print('begin', os.environ['RGRID_ATTEMPT'])
time.sleep(0.02)
open('out.txt', 'w').write('done')
"""

TWO_LIVES = b"""
import os, time
print('attempt', os.environ['RGRID_ATTEMPT'], flush=True)
if os.environ['RGRID_ATTEMPT'] == '1':
    time.sleep(600)
"""
"""The first attempt never ends by itself, every later one at once."""

SLEEPER = b"import time\nprint('asleep', flush=True)\ntime.sleep(600)\n"


def begin(grid: GridUnderTest, script: bytes, **more: Any) -> tuple[Client, str]:
    """Submit `script` and return once it runs."""
    client = Client(grid)
    client.upload(script)
    id = client.submit(script, f"begin-{time.time_ns()}", **more)
    client.until(id, 30, "running")
    return client, id


def start_two_lives(grid: GridUnderTest, **more: Any) -> tuple[Client, str]:
    return begin(grid, TWO_LIVES, **more)


def run_to_end(client: Client, script: bytes, seconds: float = 30, **more: Any) -> dict[str, Any]:
    """The ended execution of `script`."""
    client.upload(script)
    return client.ended(client.submit(script, f"run-{time.time_ns()}", **more), seconds)


def processes_of(execution: str) -> list[int]:
    """Processes of a script that live now, whatever their parents are: the runner names the execution to them, or (the
    variables of a warm one are not to be seen from outside) to their control group."""
    name, group = f"RGRID_EXECUTION_ID={execution}".encode(), f"/{execution}.".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = name in (folder / "environ").read_bytes().split(b"\0")
            if named or group in (folder / "cgroup").read_bytes():
                found.append(int(folder.name))
    return found
