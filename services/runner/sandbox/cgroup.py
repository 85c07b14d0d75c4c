"""Control groups: the limits of an attempt, what it used, and the kernel's word on what killed it.

One group per attempt, below `rgrid/<node>`: the counter of out-of-memory kills never goes back, so a group serves once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from domain.execution.job import Limits
from services.runner.sandbox.box import PIDS_MAX

PERIOD_US = 100_000
QUOTA_US_MIN = 1_000
"""The kernel takes no smaller quota."""


class Group(Protocol):
    """The group of one attempt."""

    def add(self, pid: int) -> None:
        """Put a process (and what it forks from now on) into the group. The kernel may take milliseconds for it."""

    def joined(self) -> AbstractContextManager[bool]:
        """Meanwhile the calling thread is in the group, and so is what it starts; False where threads cannot be moved."""

    def doors(self) -> list[int]:
        """Descriptors to hand to another process: whoever writes `0` to all of them is in the group; the caller closes them."""

    def pids(self) -> list[int]:
        """The processes that are in it."""

    def kill(self) -> None:
        """SIGKILL to all of it, in a way that forking cannot outrun."""

    def cpu_ms(self) -> int | None:
        """cpu time of everything that ever was in it."""

    def memory_peak_bytes(self) -> int | None:
        """The most memory it ever held, None when this kernel does not say."""

    def oom_kills(self) -> int:
        """How many of its processes the kernel killed for want of memory."""

    def remove(self) -> bool:
        """Take the empty group away; False when the kernel still holds it."""


class Groups(Protocol):
    """Where the groups of one node live."""

    def create(self, name: str, limits: Limits) -> Group:
        """A new group with the limits; raises OSError."""

    def leftovers(self) -> Sequence[Group]:
        """Groups that an earlier life of the runner left behind."""

    def close(self) -> None:
        """Take the node's own folders away, as far as nothing is in them any more."""


def quota_us(limits: Limits) -> int:
    """cpu time per PERIOD_US."""
    return max(QUOTA_US_MIN, limits.cpu_millis * PERIOD_US // 1000)


def pids_max() -> str:
    return str(PIDS_MAX)


def write(path: Path, value: str) -> None:
    """One write, as the kernel wants it."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def opened(paths: Iterable[Path]) -> list[int]:
    """For writing; all or, with OSError, none."""
    found: list[int] = []
    try:
        for path in paths:
            found.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError:
        for fd in found:
            os.close(fd)
        raise
    return found


def field_of(path: Path, name: str) -> int:
    """A number out of a file of `name value` lines; 0 when it is not there."""
    with contextlib.suppress(OSError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def number_of(path: Path) -> int | None:
    """The one number in a file, None when there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def pids_of(path: Path) -> list[int]:
    """The processes in a `cgroup.procs`; those outside our own pid namespace (0) are not ours to signal."""
    try:
        return [int(line) for line in path.read_text().split() if line != "0"]
    except OSError:
        return []


def kill_each(pids: list[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


async def empty(group: Group) -> None:
    """Kill until nothing is left, and see it."""
    pause = 0.0005
    while group.pids():
        group.kill()
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.05)
