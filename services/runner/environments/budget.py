"""Keeps environments within their disk budget: the least recently used ones go, and what is in use stays."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from services.runner.cleaning import remove_now
from services.runner.environments.shelf import Kept, Shelf
from services.runner.environments.using import unused

log = logging.getLogger("rgrid.runner")

CACHE_SHARE = 4
"""What tools keep between builds may take a quarter of the budget beside it."""


def shrink(shelf: Shelf, bytes_max: int) -> list[Kept]:
    """Those that went. Run it in a thread."""
    shelf.sweep()
    kept, gone = shelf.kept(), []
    total = sum(each.manifest.size_bytes for each in kept)
    for each in kept:
        if total <= bytes_max:
            break
        if shelf.remove(each.id):
            total -= each.manifest.size_bytes
            gone.append(each)
            log.info("%s goes: the environments of this node take more than %s bytes", each.id, f"{bytes_max:,}")
    return gone


def shrink_caches(shelf: Shelf, bytes_max: int) -> None:
    """All of it goes, since no tool says what it used last; not while one of them works. `bytes_max` is the whole budget."""
    if _own_bytes(shelf.caches) <= bytes_max // CACHE_SHARE or (fd := unused(shelf.caches)) is None:
        return
    gone = []
    try:
        for path in shelf.caches.iterdir():
            gone.append(path.rename(shelf.gone(path.name)))
    finally:
        os.close(fd)
    for each in gone:
        remove_now(each)


def _own_bytes(folder: Path) -> int:
    """What only the caches hold: a file that an environment has too costs nothing more. They may change meanwhile."""
    total = 0
    for top, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(f"{top}/{name}")
                total += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return total
