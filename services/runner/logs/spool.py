"""The spool: the log of one attempt on the node's disk, until it is published; afterwards it becomes the log archive.

A file of frames (services/runtime/log_frames.py), each around a chunk exactly as it is published: the JSON of a
ChunkHead, one newline, the raw bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from domain.execution.events import LogSummary
from services.runner.last_words import TAIL_BYTES
from services.runner.logs.numbering import Numbering
from services.runner.logs.redaction import Veil
from services.runtime.log_frames import LENGTH, framed, take_frames
from services.runtime.messages import ChunkHead
from services.runtime.plain import to_json

STREAMS = ("stdout", "stderr")
OWN = "rgrid"


class Spool:
    """Takes what the script wrote, numbers it and keeps it, up to `bytes_max`; what comes after that is counted."""

    def __init__(self, path: Path, attempt: int, bytes_max: int, now_us: Callable[[], int] | None = None) -> None:
        self.path = path
        self._attempt, self._bytes_max = attempt, bytes_max
        self._now_us = now_us or (lambda: time.time_ns() // 1000)
        self._file = -1
        self._numbers = Numbering()
        self._dropped_open: set[str] = set()
        self.chunks = self.size_bytes = self.dropped_lines = self.dropped_bytes = 0
        self.on_first: Callable[[], None] = _nobody_asked
        """Called when the first chunk of the script is kept."""
        self._heard = False
        self.veil: Veil | None = None
        """What is said passes through it before it is kept anywhere."""
        self.tail = b""
        """The last of what came on stderr, kept in the log or not."""
        self.broken = ""
        """Why nothing is kept any more: the node's disk failed. The log is not whole then, and the attempt is lost."""
        self.offset = 0
        """Length of the file: what is before it can be read."""

    def write(self, stream: str, data: bytes) -> None:
        """Keep `data`, veiled; at the limit keep what fits, say so once in the log itself, and count the rest."""
        if self.veil is not None:
            data = self.veil.feed(stream, data)
        if data:
            self._write(stream, data)

    def end(self, stream: str) -> None:
        """Nothing more comes on `stream`: what the veil kept back is kept now."""
        if self.veil is not None and (data := self.veil.end(stream)):
            self._write(stream, data)

    def _write(self, stream: str, data: bytes) -> None:
        if stream == STREAMS[1]:
            self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        if self.broken:
            return
        room = self._bytes_max - self.size_bytes
        if not self.dropped_bytes and len(data) <= room:
            self._keep(stream, data)
            return
        if not self.dropped_bytes:
            if room > 0:
                self._keep(stream, data[:room])
                data = data[room:]
            limit = f"{self._bytes_max:,} bytes (RGRID_LOG_BYTES_MAX)"
            self._keep(OWN, f"rgrid: the log has reached its limit of {limit}; what follows is not kept\n".encode())
        self._drop(stream, data)

    def _keep(self, stream: str, data: bytes) -> None:
        now_us = self._now_us()
        frames = bytearray()
        chunks = self.chunks
        for line, ends, piece in self._numbers.cut(stream, data):
            chunks += 1
            head = to_json(ChunkHead(self._attempt, chunks, stream, line, ends, now_us))
            frames += framed(head + b"\n" + piece)
        try:
            self._store(frames)
        except OSError as error:
            self.broken = error.strerror or str(error)
            return
        if stream != OWN and not self._heard:
            self._heard = True
            self.on_first()
        self.chunks, self.size_bytes, self.offset = chunks, self.size_bytes + len(data), self.offset + len(frames)

    def _store(self, frames: bytearray) -> None:
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        at = self.offset
        while at < self.offset + len(frames):
            at += os.pwrite(self._file, memoryview(frames)[at - self.offset :], at)

    def _drop(self, stream: str, data: bytes) -> None:
        self.dropped_bytes += len(data)
        self.dropped_lines += data.count(b"\n")
        (self._dropped_open.discard if data.endswith(b"\n") else self._dropped_open.add)(stream)

    def read(self, at: int) -> bytes:
        """The chunk whose frame begins at `at`."""
        (length,) = LENGTH.unpack(os.pread(self._file, LENGTH.size, at))
        return os.pread(self._file, length, at + LENGTH.size)

    def summary(self, archive: str | None = None) -> LogSummary:
        """The closed log."""
        lines = self._numbers.lines
        dropped = self.dropped_lines + len(self._dropped_open)
        counts = (lines.get(STREAMS[0], 0), lines.get(STREAMS[1], 0))
        return LogSummary(
            self.chunks, self._numbers.total, *counts, self.size_bytes, dropped, self.dropped_bytes, archive
        )

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _nobody_asked() -> None:
    """What `on_first` is by default."""


def frames(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(head, raw bytes) of every chunk in the bytes of a spool file."""
    for chunk in take_frames(bytearray(data)):
        head, _, raw = chunk.partition(b"\n")
        yield head, raw
