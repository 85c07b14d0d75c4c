"""The last of what came out of two pipes, read as it comes so that nobody has to wait for a reader."""

from __future__ import annotations

import asyncio
import os

from services.runner.sandbox.spawn import close_all

KEPT_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024


class Tail:
    """Of descriptors that do not block; `close` ends it and gives the text."""

    def __init__(self, *fds: int) -> None:
        self._fds, self._kept = fds, b""
        for fd in fds:
            asyncio.get_running_loop().add_reader(fd, self._read, fd)

    def _read(self, fd: int) -> bool:
        """Whether there may be more."""
        try:
            data = os.read(fd, PIECE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(fd)
        self._kept = (self._kept + data)[-KEPT_BYTES:]
        return bool(data)

    def close(self) -> str:
        for fd in self._fds:
            while self._read(fd):
                pass
            asyncio.get_running_loop().remove_reader(fd)
        close_all(*self._fds)
        return self._kept.decode(errors="replace")
