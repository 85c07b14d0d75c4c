"""Ctrl-C and SIGTERM as facts that the loop looks at, so that no byte of output is cut in half by them."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any

SECOND_WITHIN_SECONDS = 3.0


class Interrupts:
    """`with Interrupts() as interrupts:` counts interrupts instead of raising. One nobody looks at does not get lost: a
    third in a row raises KeyboardInterrupt after all."""

    def __init__(self) -> None:
        self.pending = 0
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pending += 1
        if self.pending > 2:
            raise KeyboardInterrupt

    def take(self) -> bool:
        """Whether there was one since the last look."""
        was, self.pending = self.pending > 0, 0
        return was

    def sleep(self, seconds: float) -> bool:
        """Sleep; True, early, when an interrupt comes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.pending:
                return True
            time.sleep(min(0.05, seconds))
        return self.pending > 0
