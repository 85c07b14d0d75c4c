"""A postmaster.pid that a killed server left: Postgres trusts it when the pid runs again as another program of the same user."""

from __future__ import annotations

import signal
from pathlib import Path

from services.local.identity import end, identify, wait_gone

PATIENCE_SECONDS = 5.0


def clear_stale(data: Path) -> list[str]:
    """Remove a stale pid file, end an orphaned server of this very folder; what was mended, in words."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        file.unlink(missing_ok=True)
        return []
    who = identify(pid)
    if who is None:
        return []  # Postgres sees that by itself
    if not _serves(pid, data):
        file.unlink(missing_ok=True)
        return [f"A stale postmaster.pid named pid {pid}, which is another program now: removed."]
    if wait_gone(who, PATIENCE_SECONDS):
        return []
    end(who, signal.SIGINT, patience_seconds=PATIENCE_SECONDS)
    return [f"An orphaned Postgres (pid {pid}) still served {data}: ended."]


def _serves(pid: int, data: Path) -> bool:
    try:
        return str(data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
