"""Keeps environments within their disk budget: the least recently used ones go, and what is in use stays."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from services.runner.cleaning import remove_now
from services.runner.environments.shelf import CACHES, GONE, Kept, Shelf
from services.runner.environments.using import busy

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
    _shrink_caches(shelf, bytes_max // CACHE_SHARE)
    return gone


def _shrink_caches(shelf: Shelf, bytes_max: int) -> None:
    """All of it, since no tool says what it used last; not while one of them works."""
    if _own_bytes(shelf.folder / CACHES) <= bytes_max or any(busy(each) for each in shelf.locks()):
        return
    for path in (shelf.folder / CACHES).iterdir():
        gone = shelf.folder / f"{GONE}{path.name}"
        path.rename(gone)
        remove_now(gone)


def _own_bytes(folder: Path) -> int:
    """What only the caches hold: a file that an environment has too costs nothing more."""
    total = 0
    for top, _, files in os.walk(folder):
        for name in files:
            status = os.lstat(f"{top}/{name}")
            total += status.st_blocks * 512 if status.st_nlink == 1 else 0
    return total
