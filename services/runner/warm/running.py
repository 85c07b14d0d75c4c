"""A script that a zygote forked: its end, as process 1 of its box tells it and the kernel proves it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time

from domain.execution.events import Usage
from services.runner.sandbox.box import Exit
from services.runner.sandbox.boxed import SIGNAL_BASE, over, remove_soon
from services.runner.sandbox.cgroup import Group, empty, kill_each
from services.runner.sandbox.spawn import close_all, readable
from services.runner.sandbox.tree import descendants
from services.runner.warm.proof import pid_of
from services.runner.warm.word import Word
from services.runner.warm.zygote import NotBorn, Zygote

WORD_BYTES = 4096


class Forked:
    """`init_fd` is process 1 of the box, whose end is the proof that nothing is left; `line` what it speaks through.

    `zygote` is told once, when the box is gone.
    """

    warm = True

    def __init__(
        self, init_fd: int, line: socket.socket, group: Group | None, pipes: tuple[int, int], zygote: Zygote
    ) -> None:
        self.stdout, self.stderr = pipes
        self._init_fd, self._line, self._group = init_fd, line, group
        self._zygote, self._killed = zygote, False
        self._began = time.monotonic()
        self._said: Word | None = None
        self._over = asyncio.create_task(self._until_over())
        self._heard = asyncio.create_task(self._listen())

    async def begin(self) -> None:
        """Let the script run, once the box is known to be under its limits. Raises NotBorn, OSError."""
        pid = pid_of(self._init_fd)
        if pid <= 0:
            raise NotBorn("it ended at once")
        if self._group is not None and pid not in self._group.pids():
            await asyncio.to_thread(self._group.add, pid)
        try:
            self._line.send(b"x")
        except OSError as error:
            raise NotBorn(str(error)) from error

    async def wait(self) -> Exit:
        await asyncio.shield(self._heard)
        if self._said is None:  # process 1 was killed: by us, by the kernel for want of memory, or with its zygote
            await asyncio.shield(self._over)
            ours = self._killed or self.oom() or self._zygote.process.alive()
            return Exit(SIGNAL_BASE + signal.SIGKILL, signal.SIGKILL, started=ours)
        code = os.waitstatus_to_exitcode(self._said.status)
        return Exit(code) if code >= 0 else Exit(SIGNAL_BASE - code, -code)

    async def kill(self, grace_seconds: float) -> None:
        if grace_seconds > 0 and not over(self._init_fd):
            kill_each(self.pids(), signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._over), grace_seconds)
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
        await asyncio.shield(self._over)
        await asyncio.shield(self._heard)
        if self._group is not None:
            await empty(self._group)

    def gone(self) -> bool:
        return over(self._init_fd) and not (self._group and self._group.pids())

    def usage(self) -> Usage:
        wall_ms = self._wall_ms()
        if self._group is not None:
            return Usage(self._group.cpu_ms() or 0, self._group.memory_peak_bytes(), wall_ms)
        if self._said is None:
            return Usage(0, None, wall_ms)
        return Usage(self._said.cpu_ms, self._said.peak or None, wall_ms)

    def oom(self) -> bool:
        return self._group is not None and self._group.oom_kills() > 0

    def guarded(self) -> bool:
        return self._group is not None

    def close(self) -> None:
        close_all(self._init_fd)
        self._line.close()
        if self._group is not None:
            remove_soon(self._group)

    async def _listen(self) -> None:
        """Until it has spoken, or is over: somebody else may hold its end of the line."""
        speaking = asyncio.create_task(readable(self._line.fileno()))
        await asyncio.wait({speaking, self._over}, return_when=asyncio.FIRST_COMPLETED)
        speaking.cancel()
        with contextlib.suppress(OSError, ValueError):
            self._said = Word.of(self._line.recv(WORD_BYTES), self._wall_ms())

    async def _until_over(self) -> None:
        try:
            await readable(self._init_fd)
        finally:
            self._zygote.run_over()

    def _wall_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def pids(self) -> list[int]:
        init = pid_of(self._init_fd)
        pids = self._group.pids() if self._group is not None else descendants(init)
        return [pid for pid in pids if pid != init]
