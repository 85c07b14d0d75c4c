"""What an attempt writes to the node's disk: bounded while it runs, and nothing begins where hardly any room is left.

Asking the file system how much is free costs nothing, walking over what a script wrote does: that is only done when so
much has gone since the last walk that the bound could be reached (or after a while, since others may have made room
meanwhile), and never for more than a twentieth of the time.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from services.runner.unnamed import unnamed_bytes

INTERVAL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
WALK_SHARE = 20
UNLOOKED_SECONDS_MAX = 15.0
FLOOR_BYTES_MAX = 1024**3
FLOOR_SHARE = 20
FILE_BYTES = 4096
"""What a file, empty or not, takes of a share of the disk when files are counted: what file systems are made for."""
FILES_MIN = 10_000


class DiskFull(Exception):
    """The node has no room for another attempt."""


def free_bytes(folder: Path) -> int:
    """What an ordinary user could still write."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def free_files(folder: Path) -> int:
    """How many more files it could hold; 0 where it does not say, as on file systems without a table of them."""
    return os.statvfs(folder).f_favail


def floor_bytes(folder: Path) -> int:
    """What must stay free for the runner's own journal and logs, and for the rest of the machine."""
    status = os.statvfs(folder)
    return min(FLOOR_BYTES_MAX, status.f_blocks * status.f_frsize // FLOOR_SHARE)


async def wait_for_room(folder: Path) -> None:
    """Returns once more than the floor is free; raises DiskFull after PATIENCE_SECONDS."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (free := free_bytes(folder)) < (floor := floor_bytes(folder)):
        if time.monotonic() > until:
            raise DiskFull(f"{_mib(free)} are free on its disk, {_mib(floor)} are kept free")
        await asyncio.sleep(INTERVAL_SECONDS)


class DiskWatch:
    """Watches the folder of one attempt, whose files belong to nobody else. `bytes_max` is what its job allows."""

    def __init__(self, folder: Path, bytes_max: int, pids: Callable[[], list[int]] = list) -> None:
        """`pids` are the processes of the attempt."""
        self._folder, self._pids = folder, pids
        self._free_at_begin = self._free_at_walk = free_bytes(folder)
        self.bound = min(bytes_max, max(0, self._free_at_begin - floor_bytes(folder)))
        """Less than the job allows where the node has less to give."""
        self._files_at_begin = self._files_at_walk = free_files(folder)
        self.files_max = min(max(FILES_MIN, self.bound // FILE_BYTES), max(FILES_MIN, self._files_at_begin // 2))
        """Of the attempt: empty ones take no bytes, but the table of files is as finite."""
        self.many = False
        """It has made more files than that."""
        self.used_bytes = self._used_files = 0
        self._walk_after = time.monotonic()

    async def over(self) -> None:
        """Returns when it has used more than its bound."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            gone = self._free_at_walk - free_bytes(self._folder)
            made = self._files_at_walk - free_files(self._folder)
            full = self.used_bytes + gone > self.bound or self._used_files + made > self.files_max
            full = full or time.monotonic() - self._walk_after > UNLOOKED_SECONDS_MAX
            if full and time.monotonic() >= self._walk_after and await self.exceeded():
                return

    async def exceeded(self) -> bool:
        """Walk over all of it and say."""
        began = time.monotonic()
        self._free_at_walk, self._files_at_walk = free_bytes(self._folder), free_files(self._folder)
        used, whole = await asyncio.to_thread(_used, self._folder, "-B1")
        files = 0
        if used < self.bound:  # where else it went
            used += await asyncio.to_thread(unnamed_bytes, self._pids(), self._folder)
        if self._files_at_begin - self._files_at_walk > self.files_max:
            files, _ = await asyncio.to_thread(_used, self._folder, "--inodes")
        if not whole:  # it hides a folder from us: what the disk has lost since is its own
            used = max(used, self._free_at_begin - self._free_at_walk)
            files = max(files, self._files_at_begin - self._files_at_walk)
        self.used_bytes, self._used_files, self.many = used, files, files > self.files_max
        self._walk_after = time.monotonic() + WALK_SHARE * (time.monotonic() - began)
        return used >= self.bound or self.many


def _used(folder: Path, unit: str) -> tuple[int, bool]:
    """Bytes (`unit` is -B1) on disk below `folder`, or files (--inodes), and whether all of it could be read.

    Holes count nothing, hard links once.
    """
    command = ["du", "-s", "-x", unit, "--", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False)
    except OSError:
        return 0, False
    first = done.stdout.split(b"\t")[0]
    return int(first) if first.isdigit() else 0, b"Permission denied" not in done.stderr


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:,.0f} MiB"
