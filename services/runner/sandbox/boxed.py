"""A script inside a bubblewrap box: its end, its usage, and how all of it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import select
import signal
import time

from domain.execution.events import Usage
from services.runner.sandbox.box import Exit
from services.runner.sandbox.cgroup import Group, kill_each
from services.runner.sandbox.spawn import Child, close_all, readable
from services.runner.sandbox.tree import descendants

SIGNAL_BASE = 128


class Boxed:
    """`child` is bwrap itself, `init` process 1 of the box (None: there never was one).

    When process 1 ends the kernel has ended every other process of its namespace first, so its end is the proof that
    nothing is left. bwrap reports a signal as 128 + signal, as a shell does; that is read back here.
    """

    warm = False

    def __init__(self, child: Child, init: int | None, group: Group | None, out: int, err: int, status: int) -> None:
        self.stdout, self.stderr = out, err
        self._child, self._init, self._group, self._status = child, init, group, status
        self._init_fd = -1
        self._reaped: resource.struct_rusage | None = None
        self._began = time.monotonic()
        if init is not None:
            with contextlib.suppress(ProcessLookupError):
                self._init_fd = os.pidfd_open(init)

    async def wait(self) -> Exit:
        code = await self._child.wait()
        if code < 0:  # bwrap itself was killed, and its box with it
            return Exit(SIGNAL_BASE - code, -code)
        if not self._ran():
            return Exit(code, started=False)
        number = code - SIGNAL_BASE
        return Exit(code, number if number in set(signal.Signals) else None, seen=False)

    async def kill(self, grace_seconds: float) -> None:
        if grace_seconds > 0 and not self.gone():
            kill_each(self.pids(), signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended(), grace_seconds)
        if self._init_fd >= 0 and not over(self._init_fd):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
        self._child.kill()
        await self._ended()

    async def _ended(self) -> None:
        await self._child.wait()
        if self._init_fd >= 0 and not over(self._init_fd):
            # the main process has ended; what it left behind has no claim to go on
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
            await readable(self._init_fd)
        self._reap_init()

    def gone(self) -> bool:
        ended = self._child.status is not None and (self._init_fd < 0 or over(self._init_fd))
        return ended and not (self._group and self._group.pids())

    def usage(self) -> Usage:
        wall_ms = int((time.monotonic() - self._began) * 1000)
        if self._group is not None:
            return Usage(self._group.cpu_ms() or 0, self._group.memory_peak_bytes(), wall_ms)
        seen = [each for each in (self._child.usage, self._reaped) if each is not None]
        cpu = sum(each.ru_utime + each.ru_stime for each in seen)
        # bwrap's own figure counts what it shared with this process between its start and its exec; the box's does not
        peak = max((each.ru_maxrss * 1024 for each in seen[-1:]), default=0)
        return Usage(int(cpu * 1000), peak or None, wall_ms)

    def oom(self) -> bool:
        return self._group is not None and self._group.oom_kills() > 0

    def guarded(self) -> bool:
        return self._group is not None

    def close(self) -> None:
        close_all(self._init_fd, self._status)
        self._child.close()
        if self._group is not None:
            remove_soon(self._group)

    def _ran(self) -> bool:
        """bwrap writes the exit code to the status pipe only for a program that it could start."""
        with contextlib.suppress(OSError):
            return b"exit-code" in os.read(self._status, 4096)
        return False

    def pids(self) -> list[int]:
        if self._init is None:
            return []
        pids = self._group.pids() if self._group is not None else descendants(self._init)
        return [pid for pid in pids if pid not in (self._init, self._child.pid)]

    def _reap_init(self) -> None:
        """Without groups its end tells what the box used, where this process is the one to inherit it."""
        if self._init is not None and self._reaped is None:
            with contextlib.suppress(ChildProcessError):
                _, _, self._reaped = os.wait4(self._init, os.WNOHANG)


def over(pidfd: int) -> bool:
    """The process behind the descriptor has ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def remove_soon(group: Group) -> None:
    """Take the group away, in a moment if not now."""
    if not group.remove():
        asyncio.get_running_loop().create_task(_remove(group))


async def _remove(group: Group) -> None:
    """The kernel may hold an empty group a moment longer."""
    for attempt in range(10):
        await asyncio.sleep(0.01 * 2**attempt)
        if group.remove():
            return
