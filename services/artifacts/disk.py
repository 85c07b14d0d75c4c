"""Putting many small files on the disk at once: one sync for all of them where the system can, one each elsewhere."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if os.name == "posix" else None


def sync_all(paths: Iterable[Path], folder: Path) -> None:
    """Put `paths` (files and folders), which all lie on the disk of `folder`, onto it. Raises OSError."""
    if _syncfs is None:
        for path in paths:
            sync(path)
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Put one file, or what a folder says of its files, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
