"""What the kernel says of the processes of a zygote, whatever the zygote says."""

from __future__ import annotations

import os
from pathlib import Path

from services.runner.sandbox.tree import descendants

DEPTH_MAX = 32


def pid_of(pidfd: int) -> int:
    """The process behind a descriptor, as this process counts; 0 or less once it is gone, or if it is no pidfd."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.partition(":")[2])
    return 0


def is_box(pid: int, above: int) -> bool:
    """It is process 1 of a namespace of its own, and comes from the process `above`."""
    if pid <= 0 or above <= 0 or pid in (os.getpid(), above):
        return False
    if status_of(pid).get("NSpid", "").split()[1:][-1:] != ["1"]:
        return False
    for _ in range(DEPTH_MAX):
        pid = int(status_of(pid).get("PPid", "0"))
        if pid in (0, above):
            return pid == above
    return False


def status_of(pid: int) -> dict[str, str]:
    """The fields of its status in /proc; none when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}


def left_behind(above: int, expected: int) -> int:
    """How many processes live below `above` beyond the `expected` ones; what has ended and was not waited for does no harm."""
    living = [pid for pid in descendants(above) if status_of(pid).get("State", "X")[0] not in "ZX"]
    return max(0, len(living) - expected)
