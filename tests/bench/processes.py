"""What the processes of a grid use, out of /proc: memory without counting shared pages twice, and processor time."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """`pid` and everything below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += below.get(each, [])
    return found


def pss_bytes(pids: list[int]) -> int:
    """Proportional set sizes, summed."""
    total = 0
    for pid in pids:
        for line in _text(pid, "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pids: list[int]) -> float:
    """User and system time so far, children that were waited for included."""
    fields = (_text(pid, "stat").rpartition(")")[2].split() for pid in pids)
    return sum(sum(map(int, each[11:15])) for each in fields if each) / TICKS


def peak_rss_bytes(pid: int) -> int:
    """The most that was ever resident since the process began or `reset_peak`."""
    for line in _text(pid, "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
