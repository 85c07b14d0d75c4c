"""Notices that a full disk has room again: nats-server does not write any more after a failed write, until it is started anew."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

FULL_BYTES = 4 << 20
ROOM_BYTES = 16 << 20
WORDS = b"no space left on device"


@dataclass(slots=True)
class DiskWatch:
    """`folder` lies on the disk in question; the server's `log` tells of a disk that was full between two looks."""

    folder: Path
    log: Path
    _full: bool = False
    _read_bytes: int = 0

    def healed(self) -> bool:
        """Whether the disk was full and has room again; true once for every time."""
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return False
        self._full = self._full or free < FULL_BYTES or self._said()
        if not self._full or free < ROOM_BYTES:
            return False
        self._full = False
        return True

    def _said(self) -> bool:
        """Whether the log has grown by the words of a full disk since the last look."""
        try:
            with self.log.open("rb") as file:
                file.seek(self._read_bytes)
                news = file.read()
        except OSError:
            return False
        self._read_bytes += len(news)
        return WORDS in news
