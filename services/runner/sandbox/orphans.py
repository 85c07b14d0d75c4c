"""Processes of scripts that outlived their shim: without control groups they come to this process, who ends them.

The runner is the nearest reaper above the shims, so a child of it in a session that is not its own and that it did not
start is what a script left when it killed its shim. No script can get back into our session.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from services.runner.sandbox.cgroup import kill_each
from services.runner.sandbox.spawn import Child
from services.runner.sandbox.tree import children, descendants

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.0005, 0.05


def orphans() -> list[int]:
    """Direct children of this process that no one here started."""
    session = os.getsid(0)
    return [pid for pid in children(os.getpid()) if pid not in Child.living and _session(pid) not in (session, None)]


async def end_orphans() -> None:
    """Kill and reap until none is left, and see it; stopped first, so that forking does not outrun it."""
    pause = PAUSE_SECONDS_FIRST
    while found := orphans():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            kill_each([*found, *(each for pid in found for each in descendants(pid))], number)
        for pid in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 (it does not wait)
        await asyncio.sleep(pause)
        pause = min(pause * 2, PAUSE_SECONDS_MAX)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
