"""Blobs in a folder that nobody asked for in a while, and their removal, which cannot hit one that is asked for meanwhile.

The time of a file says when it was last put or asked for (`LocalStore.find` renews it). To be removed it is first moved out
of sight; whoever asks from then on hears that it is missing, and uploads it again. Who asked before has renewed its time,
and then it is moved back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from services.artifacts.parts import PACKED_SUFFIX

RENEWED_SECONDS = 3600
"""The time of a blob is renewed at most so often."""
GOING = ".going"
FOLDER = re.compile(r"[0-9a-f]{2}")
BLOB = re.compile(rf"([0-9a-f]{{64}})(?:{re.escape(PACKED_SUFFIX)})?")


def renewed(path: Path, stored_at: float, now: float) -> bool:
    """Note that somebody asked for the blob in `path`, whose time is `stored_at`; False when it is gone meanwhile."""
    if now - stored_at < RENEWED_SECONDS:
        return True
    with suppress(FileNotFoundError):
        os.utime(path)
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
            if entry.name.endswith(GOING):
                _back(Path(entry.path))
                continue
            known = BLOB.fullmatch(entry.name)
            with suppress(FileNotFoundError):
                if known and entry.stat(follow_symlinks=False).st_mtime < before:
                    found.add(known[1])
    return sorted(found)


def removed(path: Path, before: float) -> int | None:
    """Bytes of the file that was removed; None when it is not there or was asked for since `before`."""
    going = path.with_name(path.name + GOING)
    try:
        if path.stat().st_mtime >= before:
            return None
        path.rename(going)
        status = going.stat()
    except FileNotFoundError:
        return None
    if status.st_mtime >= before:
        _back(going)
        return None
    going.unlink(missing_ok=True)
    return status.st_size


def _back(going: Path) -> None:
    """It is the same content, should another one have come meanwhile."""
    with suppress(FileNotFoundError):
        going.rename(going.with_name(going.name.removesuffix(GOING)))
