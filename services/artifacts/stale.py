"""Blobs in a folder that nobody asked for in a while, and their removal, which cannot hit one that is asked for meanwhile.

The time of a file says when it was last put or asked for (`LocalStore.find` renews it). To be removed it is first moved out
of sight, to a name that no other removal uses; whoever asks from then on hears that it is missing, and uploads it again. Who
asked before has renewed its time, and then it is moved back.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from services.artifacts.parts import PACKED_SUFFIX

RENEWED_SECONDS = 3600
"""The time of a blob is renewed at most so often."""
GOING = ".going."
CUT_OFF_SECONDS = 600.0
"""A removal takes moments: one that began so long ago was cut off."""
FOLDER = re.compile(r"[0-9a-f]{2}")
BLOB = re.compile(rf"([0-9a-f]{{64}})(?:{re.escape(PACKED_SUFFIX)})?")


def renewed(path: Path, stored_at: float, now: float) -> bool:
    """Note that somebody asked for the blob in `path`, whose time is `stored_at`; False when it is gone meanwhile."""
    if now - stored_at < RENEWED_SECONDS:
        return True
    with suppress(FileNotFoundError):
        os.utime(path)
        path.stat()  # found under its name and moved away before its time was set: who moved it saw the old one
        return True
    return False


def folders(top: Path) -> Iterator[Path]:
    """Those that hold blobs: `<account>/<two hex digits>`."""
    with suppress(FileNotFoundError):
        for account in sorted(top.iterdir()):
            yield from sorted(path for path in account.glob("??") if FOLDER.fullmatch(path.name) and path.is_dir())


def stale(folder: Path, before: float) -> list[str]:
    """The SHA-256 of the blobs in it whose time is older. What a removal that was cut off left is put back first."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if GOING in entry.name:
                _undo(Path(entry.path))
                continue
            known = BLOB.fullmatch(entry.name)
            with suppress(FileNotFoundError):
                if known and entry.stat(follow_symlinks=False).st_mtime < before:
                    found.add(known[1])
    return sorted(found)


def removed(path: Path, before: float) -> int | None:
    """Bytes of the file that was removed; None when it is not there or was asked for since `before`."""
    going = path.with_name(path.name + GOING + secrets.token_hex(8))
    try:
        if path.stat().st_mtime >= before:
            return None
        path.rename(going)
        status = going.stat()
        if status.st_mtime < before:
            going.unlink()
            return status.st_size
    except FileNotFoundError:
        return None
    _back(going)
    return None


def swept(paths: Iterable[Path], before: float) -> int:
    """How many of these files were older, and are gone now."""
    count = 0
    for path in paths:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                count += 1
    return count


def _back(going: Path) -> None:
    """It is the same content, should another one have come meanwhile."""
    with suppress(FileNotFoundError):
        going.rename(going.with_name(going.name.partition(GOING)[0]))


def _undo(going: Path) -> None:
    """Put back what a removal left that was cut off: young, since it may take the place of one that came meanwhile."""
    with suppress(FileNotFoundError):
        if time.time() - going.stat().st_ctime > CUT_OFF_SECONDS:
            os.utime(going)
            _back(going)
