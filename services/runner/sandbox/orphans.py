"""Processes of scripts that outlived their shim: without control groups they come to this process, who ends them.

The runner is the nearest reaper above the shims, so a child in a session that is not its own, that came to it after the
script was started and that it did not start, is what a script left when it killed its shim. No script can get back into
our session. Who was a child before is none of the script's: whoever runs a box may have servers of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Set

from services.runner.sandbox.cgroup import kill_each
from services.runner.sandbox.spawn import Child
from services.runner.sandbox.tree import children, descendants

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.0005, 0.05


def orphans(before: Set[int]) -> list[int]:
    """Direct children of this process that no one here started; `before` are those there were before the script."""
    session = os.getsid(0)
    known = before | Child.living
    return [pid for pid in children(os.getpid()) if pid not in known and _session(pid) not in (session, None)]


async def end_orphans(before: Set[int]) -> None:
    """Kill and reap until none is left, and see it; stopped first, so that forking does not outrun it."""
    pause = PAUSE_SECONDS_FIRST
    while found := orphans(before):
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
