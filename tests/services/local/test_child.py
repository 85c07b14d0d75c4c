"""Children die with their parent, however it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.local.child import spawn, stop
from services.local.identity import identify, wait_gone

PARENT = """
import time
from services.local.child import spawn
print(spawn(["sleep", "1000"]).pid, flush=True)
time.sleep(1000)
"""


def test_a_child_vanishes_with_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = identify(int(parent.stdout.readline()))
    assert child is not None and child.alive()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_gone(child, 10)


def test_a_child_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    process = spawn(["sh", "-c", f"trap '' TERM; touch {tmp_path}/ignores; while :; do sleep 0.05; done"])
    while not (tmp_path / "ignores").exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert stop(process, signal.SIGTERM, patience_seconds=0.3) == -signal.SIGKILL


def test_identity_tells_a_reused_pid_from_the_process_it_was() -> None:
    me = identify(os.getpid())
    assert me is not None and me.alive()
    earlier = type(me)(me.pid, me.started_ticks - 1, me.boot)
    assert not earlier.alive()
    assert not type(me)(me.pid, me.started_ticks, "another boot").alive()
