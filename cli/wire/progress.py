"""How far a long transfer is: one line redrawn on a terminal, a plain one every ten seconds elsewhere, none for a short one."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType

from ..terminal.formats import duration, size
from ..terminal.live import Live
from ..terminal.screen import COLUMN, MARKS, interactive, state

SHOWN_AFTER_SECONDS = 1.0
DRAWN_SECONDS = 0.25
TOLD_SECONDS = 10.0
WINDOW_SECONDS = 8.0
"""The rate is that of the last seconds: what a person wants to know is how fast it goes now."""


class Progress:
    """`with Progress("uploading", bytes) as progress`: any thread says `progress.add(bytes)`."""

    def __init__(self, word: str, total_bytes: int) -> None:
        self.word, self.total_bytes = word, total_bytes
        self.done_bytes = 0
        self.note = ""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._moved = 0
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def add(self, count: int) -> None:
        """So many bytes were carried over; negative: they must be carried again."""
        with self._lock:
            self.done_bytes += count
            self._moved += count

    def known(self, count: int) -> None:
        """So many bytes need not be carried: they count, but not for the rate."""
        with self._lock:
            self.done_bytes += count

    def expect(self, count: int) -> None:
        """So many bytes more are to come than was known."""
        with self._lock:
            self.total_bytes += count

    def words(self, now: float) -> str:
        """`1.2 GB of 5.0 GB · 84 MB/s · 45.0 s left`"""
        with self._lock:
            done, moved, total = self.done_bytes, self._moved, max(self.total_bytes, self.done_bytes)
            while len(self._marks) > 1 and self._marks[0][0] < now - WINDOW_SECONDS:
                self._marks.popleft()
            (began, before) = self._marks[0]
            self._marks.append((now, moved))
        text = f"{size(done)} of {size(total)}"
        if self.note:
            return f"{text} · {self.note}"
        rate = (moved - before) / (now - began) if now > began else 0.0
        if rate < 1:
            return text
        return f"{text} · {size(int(rate))}/s · {duration((total - done) / rate)} left"

    def _show(self) -> None:
        if self._over.wait(SHOWN_AFTER_SECONDS):
            return
        if not interactive():
            while not self._over.wait(TOLD_SECONDS):
                state("busy", self.word, self.words(time.monotonic()))
            return
        with Live() as live:
            while True:
                text = self.words(time.monotonic())
                live.draw([[(f"{MARKS['busy']} {self.word:<{COLUMN}}", "busy"), (f" {text}", "")]])
                if self._over.wait(DRAWN_SECONDS):
                    return
