"""Who a process is: a pid alone is not enough, because the kernel gives it to another program after a while."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """A pid with the tick it started at and the boot that happened in."""

    pid: int
    started_ticks: int
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        now = identify(self.pid)
        return now == self

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def identify(pid: int) -> Identity | None:
    """Who runs as `pid` now; None when nobody does."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = BOOT_ID.read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else Identity(pid, int(fields[19]), boot)


def identity_from(value: Any) -> Identity | None:
    """What `plain` wrote; None when it is anything else."""
    try:
        return Identity(int(value["pid"]), int(value["started_ticks"]), str(value["boot"]))
    except (KeyError, TypeError, ValueError):
        return None


def end(identity: Identity, first: int, *, patience_seconds: float) -> bool:
    """Send `first`, wait, then SIGKILL; True when the process is gone. Never touches another program on that pid."""
    for number in (first, signal.SIGKILL):
        if not identity.alive():
            return True
        try:
            os.kill(identity.pid, number)
        except ProcessLookupError:
            return True
        if wait_gone(identity, patience_seconds):
            return True
    return False


def wait_gone(identity: Identity, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while identity.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
