"""The control group of one container's run: ours, with the engine's own group below it.

Version 1 of control groups has one hierarchy per controller, and the engine makes its folders in every one of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from services.runner.sandbox.cgroup import Group, kill_each, pids_of

MOUNTS = Path("/proc/self/mounts")
PARENT = "/rgrid"


def parent_of(node: str) -> str:
    """The path of a node's groups below every mount, as the engine is told it."""
    return f"{PARENT}/{node}"


class Nested:
    """`group` keeps limits and counts; the folders below it are the engine's."""

    def __init__(self, group: Group, node: str, name: str) -> None:
        self.group = group
        self._folders = [mount / parent_of(node).lstrip("/") / name for mount in hierarchies()]

    def pids(self) -> list[int]:
        """Everything that is in it, at any depth."""
        found: set[int] = set()
        for folder in self._folders:
            for each in _folders(folder):
                found.update(pids_of(each / "cgroup.procs"))
        return sorted(found)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Process 1 takes all others along when it is killed; it gets no lesser signal."""
        pids = self.pids()
        kill_each(pids if number == signal.SIGKILL else [pid for pid in pids if not _is_first(pid)], number)

    def remove(self) -> bool:
        """False while the kernel holds something of it."""
        return not [folder for folder in self._folders if not _removed(folder)]


def hierarchies() -> list[Path]:
    """Where control groups are mounted."""
    with contextlib.suppress(OSError):
        lines = (line.split() for line in MOUNTS.read_text().splitlines())
        return list(dict.fromkeys(Path(where) for _, where, kind, *_ in lines if kind in ("cgroup", "cgroup2")))
    return []


def remove_all(node: str) -> None:
    """Take away what is empty of a node's groups, and its own folders when nothing is left in them."""
    for mount in hierarchies():
        root = mount / parent_of(node).lstrip("/")
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(root)):
                if entry.is_dir():
                    _removed(Path(entry.path))
            root.rmdir()
            root.parent.rmdir()


def _folders(top: Path) -> Iterator[Path]:
    yield top
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(top)):
            if entry.is_dir(follow_symlinks=False):
                yield from _folders(Path(entry.path))


def _removed(folder: Path) -> bool:
    for each in reversed(list(_folders(folder))):
        try:
            each.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _is_first(pid: int) -> bool:
    """It is process 1 of a namespace of its own."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[1:][-1] == "1"
    except OSError:
        pass
    return False
