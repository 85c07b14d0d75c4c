"""Control groups, version 1: one folder per controller, joined by hand."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
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

CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")


class GroupV1:
    """One attempt's folders, by controller (several may be the same folder)."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._distinct = tuple(dict.fromkeys(folders.values()))

    def create(self, limits: Limits) -> None:
        """Make the folders and write the limits."""
        for folder in self._distinct:
            folder.mkdir(parents=True, exist_ok=True)
        memory, cpu = self._folders["memory"], self._folders["cpu"]
        write(memory / "memory.limit_in_bytes", str(limits.memory_bytes))
        with contextlib.suppress(OSError):
            write(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
        write(self._folders["pids"] / "pids.max", pids_max())
        with contextlib.suppress(OSError):
            write(cpu / "cpu.cfs_period_us", str(PERIOD_US))
            write(cpu / "cpu.cfs_quota_us", str(quota_us(limits)))

    def add(self, pid: int) -> None:
        for folder in self._distinct:
            write(folder / "cgroup.procs", str(pid))

    @contextlib.contextmanager
    def joined(self) -> Iterator[bool]:
        """A thread that moves itself waits for nobody; to move a process the kernel waits for all of its processors."""
        try:
            for folder in self._distinct:
                write(folder / "tasks", "0")
            yield True
        finally:
            for folder in self._distinct:
                write(folder.parent / "tasks", "0")

    def doors(self) -> list[int]:
        return opened(folder / "tasks" for folder in self._distinct)

    def pids(self) -> list[int]:
        return pids_of(self._folders["pids"] / "cgroup.procs")

    def kill(self) -> None:
        # no process can fork any more, so the list below can only grow shorter
        with contextlib.suppress(OSError):
            write(self._folders["pids"] / "pids.max", "0")
        kill_each(self.pids())

    def cpu_ms(self) -> int | None:
        used_ns = number_of(self._folders["cpuacct"] / "cpuacct.usage")
        return None if used_ns is None else used_ns // 1_000_000

    def memory_peak_bytes(self) -> int | None:
        return number_of(self._folders["memory"] / "memory.max_usage_in_bytes")

    def oom_kills(self) -> int:
        return field_of(self._folders["memory"] / "memory.oom_control", "oom_kill")

    def remove(self) -> bool:
        done = True
        for folder in self._distinct:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                done = False
        return done


class GroupsV1:
    """The groups of a node: `<mount of each controller>/rgrid/<node>/<attempt>`."""

    def __init__(self, mounts: Mapping[str, Path], node: str) -> None:
        self._roots = {name: mounts[name] / "rgrid" / node for name in CONTROLLERS}

    def create(self, name: str, limits: Limits) -> GroupV1:
        group = self._group(name)
        group.create(limits)
        return group

    def leftovers(self) -> list[GroupV1]:
        names = set()
        for root in self._roots.values():
            with contextlib.suppress(OSError):
                names |= {entry.name for entry in os.scandir(root) if entry.is_dir()}
        return [self._group(name) for name in sorted(names)]

    def close(self) -> None:
        for root in dict.fromkeys(self._roots.values()):
            with contextlib.suppress(OSError):
                root.rmdir()
                root.parent.rmdir()

    def _group(self, name: str) -> GroupV1:
        return GroupV1({controller: root / name for controller, root in self._roots.items()})
