"""Reads the pipes of a script into its spool: the first bytes at once, then in gulps, so that a flood stays cheap."""

from __future__ import annotations

import asyncio
import os

from services.runner.logs.spool import STREAMS, Spool
from services.runner.sandbox.spawn import close_all

READ_BYTES = 128 * 1024
FLUSH_SECONDS = 0.010
READS_MAX = 16
"""More reads than this between two flushes is a flood: the pipes then fill up for the rest of the 10 ms."""


class Pipes:
    """Both output pipes of one attempt. `wake` is called when the spool has grown.

    What was read is kept in the order in which it was read; at most READ_BYTES wait in memory.
    """

    def __init__(self, stdout: int, stderr: int, spool: Spool, wake: asyncio.Event) -> None:
        self._spool, self._wake = spool, wake
        self._loop = asyncio.get_running_loop()
        self._fds = dict(zip((stdout, stderr), STREAMS, strict=True))
        self._open = set(self._fds)
        self._pending: list[tuple[str, bytes]] = []
        self._pending_bytes = self._reads = 0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self.ended = asyncio.Event()
        for fd in self._fds:
            os.set_blocking(fd, False)
        self._resume()

    def drain(self) -> None:
        """Nobody writes any more: take what is left in the pipes and close them."""
        for fd in list(self._open):
            while fd in self._open and self._take(fd):
                pass
            self._end(fd)
        self._flush()

    def _readable(self, fd: int) -> None:
        self._take(fd)
        self._reads += 1
        if self._pending_bytes >= READ_BYTES or self._timer is None:
            self._flush()
        elif self._reads >= READS_MAX and not self._paused:
            self._paused = True
            for each in self._open:
                self._loop.remove_reader(each)

    def _take(self, fd: int) -> bool:
        """One read; False when there is nothing to read now, or ever."""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end(fd)
            return False
        if self._pending and self._pending[-1][0] == self._fds[fd]:
            data = self._pending.pop()[1] + data
        self._pending.append((self._fds[fd], data))
        self._pending_bytes = sum(len(piece) for _, piece in self._pending)
        if self._pending_bytes >= READ_BYTES:
            self._write()
        return True

    def _end(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            self._loop.remove_reader(fd)
            close_all(fd)
            self._write()
            self._spool.end(self._fds[fd])
            if not self._open:
                self._flush()
                self.ended.set()

    def _flush(self) -> None:
        """Write what waits, and have nothing written for the next FLUSH_SECONDS unless much comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            self._write()
            if self._open:
                self._timer = self._loop.call_later(FLUSH_SECONDS, self._tick)
        self._reads = 0
        if self._paused:
            self._paused = False
            self._resume()

    def _tick(self) -> None:
        self._timer = None
        self._flush()

    def _resume(self) -> None:
        for fd in self._open:
            self._loop.add_reader(fd, self._readable, fd)

    def _write(self) -> None:
        for stream, data in self._pending:
            self._spool.write(stream, data)
        self._pending.clear()
        self._pending_bytes = 0
        self._wake.set()
