"""Child processes without asyncio's own watcher: spawned without forking this (large) process, awaited by pidfd,
reaped by wait4 for what they used. Works the same under uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

SIGNALS_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Python ignores SIGPIPE, and an ignored signal stays ignored across exec: `yes | head` would never end in a script."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is to be. `inherit`: descriptors that it gets beside its outputs. `session`: it begins a session of its
    own, otherwise a group in ours."""

    argv: list[str]
    env: Mapping[str, str]
    stdout: int
    stderr: int
    inherit: Sequence[int] = ()
    session: bool = False

    def spawn(self) -> int:
        """Its pid. The thread that calls this must live as long as we do: PDEATHSIG of the boxes follows it."""
        files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        files += [(os.POSIX_SPAWN_DUP2, self.stdout, 1), (os.POSIX_SPAWN_DUP2, self.stderr, 2)]  # type: ignore[list-item]
        where: dict[str, Any] = {"setsid": True} if self.session else {"setpgroup": 0}
        for number in self.inherit:
            os.set_inheritable(number, True)
        try:
            return os.posix_spawn(
                self.argv[0],
                self.argv,
                self.env,
                file_actions=files,
                setsigdef=SIGNALS_DEFAULT,
                setsigmask=(),
                **where,
            )
        finally:
            for number in self.inherit:
                os.set_inheritable(number, False)


class Child:
    """A child of this process. `living`: the pids that are not reaped yet."""

    living: ClassVar[set[int]] = set()

    def __init__(self, pid: int) -> None:
        self.pid = pid
        Child.living.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)
        self.status: int | None = None
        self.usage: resource.struct_rusage | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self.pidfd, self._reap)

    async def wait(self) -> int:
        """The exit code as `os.waitstatus_to_exitcode` says it (negative: the signal). Any number of waiters."""
        return await asyncio.shield(self._ended)

    def _reap(self) -> None:
        self._loop.remove_reader(self.pidfd)
        _, status, self.usage = os.wait4(self.pid, 0)
        Child.living.discard(self.pid)
        self.status = os.waitstatus_to_exitcode(status)
        self._ended.set_result(self.status)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, if it is still there."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        """Forget the child, which has been waited for."""
        close_all(self.pidfd)


def base_python() -> str:
    """The interpreter below our own environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


async def readable(fd: int) -> None:
    """Wait until `fd` can be read (a pidfd: until the process has ended). One waiter per descriptor."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _wake, future)
    try:
        await future
    finally:
        loop.remove_reader(fd)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def pipe(size_bytes: int = 0) -> tuple[int, int]:
    """A pipe whose reading end does not block; larger than usual if asked and allowed."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if size_bytes:
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, size_bytes)
    return reading, writing


def close_all(*fds: int) -> None:
    """Close descriptors; one that is closed already does not matter."""
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
