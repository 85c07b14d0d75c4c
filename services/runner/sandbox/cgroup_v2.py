"""Control groups, version 2: one folder, killed as a whole by one write."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from domain.execution.job import Limits
from services.runner.sandbox.cgroup import (
    PERIOD_US,
    field_of,
    kill_each,
    number_of,
    opened,
    pids_max,
    pids_of,
    quota_us,
    write,
)

CONTROLLERS = "+cpu +memory +pids"


class GroupV2:
    """One attempt's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, limits: Limits) -> None:
        """Make the folder and write the limits."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write(self._folder / "memory.max", str(limits.memory_bytes))
        with contextlib.suppress(OSError):
            write(self._folder / "memory.swap.max", "0")
        write(self._folder / "pids.max", pids_max())
        write(self._folder / "cpu.max", f"{quota_us(limits)} {PERIOD_US}")

    def add(self, pid: int) -> None:
        write(self._folder / "cgroup.procs", str(pid))

    @contextlib.contextmanager
    def joined(self) -> Iterator[bool]:
        yield False

    def doors(self) -> list[int]:
        return opened([self._folder / "cgroup.procs"])

    def pids(self) -> list[int]:
        return pids_of(self._folder / "cgroup.procs")

    def kill(self) -> None:
        try:
            write(self._folder / "cgroup.kill", "1")
        except OSError:  # before kernel 5.14
            with contextlib.suppress(OSError):
                write(self._folder / "pids.max", "0")
            kill_each(self.pids())

    def cpu_ms(self) -> int | None:
        return field_of(self._folder / "cpu.stat", "usage_usec") // 1000

    def memory_peak_bytes(self) -> int | None:
        return number_of(self._folder / "memory.peak")

    def oom_kills(self) -> int:
        return field_of(self._folder / "memory.events", "oom_kill")

    def remove(self) -> bool:
        try:
            self._folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class GroupsV2:
    """The groups of a node: `<mount>/rgrid/<node>/<attempt>`, every level handing the controllers down."""

    def __init__(self, mount: Path, node: str) -> None:
        self._root = mount / "rgrid" / node
        self._root.mkdir(parents=True, exist_ok=True)
        for level in (mount, mount / "rgrid", self._root):
            write(level / "cgroup.subtree_control", CONTROLLERS)

    def create(self, name: str, limits: Limits) -> GroupV2:
        group = GroupV2(self._root / name)
        group.create(limits)
        return group

    def leftovers(self) -> list[GroupV2]:
        with contextlib.suppress(OSError):
            return [GroupV2(Path(entry.path)) for entry in os.scandir(self._root) if entry.is_dir()]
        return []

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._root.rmdir()
            self._root.parent.rmdir()
