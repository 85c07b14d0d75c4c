"""What a tool writes outside every box is bounded too: a few bytes of an archive can be any number on the disk."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

from services.runner.disk import floor_bytes, free_bytes
from services.runner.environments.failures import Unbuildable, Unbuilt

BYTES_MAX = 10 * 1024**3
INTERVAL_SECONDS = 0.2
UNLOOKED_SECONDS_MAX = 15.0


async def outgrown(folder: Path, cache: Path | None) -> Unbuildable | Unbuilt:
    """Returns when the tool must be ended: `folder`, and what it keeps in `cache` since now, has passed BYTES_MAX.

    What it unpacks in the cache may be of another build at the same time, so that is no fault of the script.
    """
    places = [folder, cache] if cache is not None and cache.is_dir() else [folder]
    before = await asyncio.to_thread(_taken_bytes, places)
    places = [folder, cache] if cache is not None else [folder]
    free_then, looked = free_bytes(folder), time.monotonic()
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        free = free_bytes(folder)
        if free < floor_bytes(folder):
            return Unbuilt("its disk has hardly any room left")
        if free_then - free <= BYTES_MAX and time.monotonic() - looked < UNLOOKED_SECONDS_MAX:
            continue
        if await asyncio.to_thread(_taken_bytes, places) - before > BYTES_MAX:
            if await asyncio.to_thread(_taken_bytes, [folder]) > BYTES_MAX:
                return Unbuildable(f"the packages take {_most()} of disk", "Do with fewer or smaller packages.")
            return Unbuilt(f"unpacking the packages took {_most()} of disk")
        looked = time.monotonic()


def _most() -> str:
    return f"more than {BYTES_MAX / 1024**3:g} GiB"


def _taken_bytes(folders: list[Path]) -> int:
    """A file that is in several of them counts once. Files may come and go meanwhile."""
    command = ["du", "-s", "-c", "-B1", "--", *map(str, folders)]
    said = subprocess.run(command, capture_output=True, check=False, text=True).stdout.splitlines()
    return int(said[-1].split()[0]) if said else 0
