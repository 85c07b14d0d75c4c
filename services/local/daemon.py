"""`up -d`: the supervisor in a session of its own, its words relayed until the grid is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from services.local.child import open_log
from services.local.home import Home
from services.local.lock import holder, running_grid
from services.local.speak import MARKS

STARTING_SECONDS_MAX = 90.0
QUIET = ("●",)
ALREADY = 3
"""What a supervisor behind the terminal ends with when another one of this home was quicker."""


def start_behind(home: Home) -> int:
    """Start the supervisor behind the terminal and wait; 0 when the grid is ready, 1 when it could not start."""
    if holder(home) is not None:
        return _await_other(home)
    reader, writer = os.pipe()
    log = open_log(home.log("supervisor"))
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "services.local", "up", "--notify", str(writer)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, pass_fds=(writer,),
        )  # fmt: skip
    finally:
        os.close(writer)
        os.close(log)
    return _relay(reader, process, home)


def _relay(reader: int, process: subprocess.Popen[bytes], home: Home) -> int:
    """Print what a person must know; the pipe closes when the grid is ready or the supervisor ended."""
    ready = False
    with os.fdopen(reader) as lines:
        for line in lines:
            ready = ready or line.startswith(f"{MARKS['ready']} ready")
            if not line.startswith(QUIET):
                print(line, end="", file=sys.stdout if ready else sys.stderr, flush=True)
    if ready:
        return 0
    if process.wait() == ALREADY:
        return _await_other(home)
    print(f"  The whole log: {home.log('supervisor')}", file=sys.stderr)
    return 1


def _await_other(home: Home) -> int:
    """Another `up` of this home is at work: wait until its grid is ready."""
    deadline = time.monotonic() + STARTING_SECONDS_MAX
    while holder(home) is not None and time.monotonic() < deadline:
        if grid := running_grid(home):
            print(f"✔ up         {grid['api_url']} · since {grid['started_at']} · {home.root}")
            return 0
        time.sleep(0.05)
    print(
        f"✘ The grid of {home.root} was starting but did not come up.\n  Again: rgrid down, then rgrid up",
        file=sys.stderr,
    )
    return 1
