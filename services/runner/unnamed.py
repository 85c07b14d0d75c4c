"""Files without a name: deleted, but held open or mapped by a process, they take their room until it ends."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

BLOCK_BYTES = 512


def unnamed_bytes(pids: Iterable[int], folder: Path) -> int:
    """What `pids` hold of such files on the disk of `folder`, each file once; of others than our own only root sees them."""
    device = folder.stat().st_dev
    found: dict[int, int] = {}
    for pid in pids:
        for kind in ("fd", "map_files"):
            for path in _entries(f"/proc/{pid}/{kind}"):
                with contextlib.suppress(OSError):
                    status = os.stat(path)  # noqa: PTH116 (thousands of them)
                    if status.st_nlink == 0 and status.st_dev == device and stat.S_ISREG(status.st_mode):
                        found[status.st_ino] = status.st_blocks * BLOCK_BYTES
    return sum(found.values())


def _entries(folder: str) -> Iterator[str]:
    try:
        yield from (f"{folder}/{name}" for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return
