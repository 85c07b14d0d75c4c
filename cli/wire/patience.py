"""Go on after a fault of the network: back off, say so once, give up after two minutes without any progress."""

from __future__ import annotations

import http.client
import threading
import time

from ..errors import CliError
from ..terminal.screen import tell
from .reply import why

GIVE_UP_SECONDS = 120.0
"""Twice as long as a gateway or a store may be gone without anybody having to do something."""
PAUSE_FIRST, PAUSE_MAX = 0.2, 5.0
NETWORK = (http.client.HTTPException, ConnectionError, TimeoutError, OSError)


class Patience:
    """Shared by all threads of one transfer; `progress` starts the time anew."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.told = False
        self.pause = PAUSE_FIRST
        self.deadline = 0.0

    def progress(self) -> None:
        if self.deadline:
            with self.lock:
                self.pause, self.deadline = PAUSE_FIRST, 0.0

    def wait(self, cause: str | BaseException, seconds: float = 0.0) -> None:
        """Sleep before the next try; raises CliError when the time is over or another thread gave up."""
        text = why(cause) if isinstance(cause, BaseException) else cause
        with self.lock:
            now = time.monotonic()
            self.deadline = self.deadline or now + GIVE_UP_SECONDS
            pause, self.pause = max(seconds, self.pause), min(PAUSE_MAX, self.pause * 2)
            if not self.told:
                tell(f"! {self.what} was interrupted ({text}); trying again for up to {GIVE_UP_SECONDS:.0f} s")
                self.told = True
            if now + pause > self.deadline:
                self.stop.set()
                raise CliError(
                    f"{self.what} did not get through for {GIVE_UP_SECONDS:.0f} s ({text}).",
                    "Type the same again: what has arrived is not sent twice.      Check this set-up: rgrid doctor",
                    code="TRANSFER_FAILED",
                )
        if self.stop.wait(pause):
            raise Stopped


class Stopped(Exception):
    """Another thread of the same transfer gave up; its reason is the one to tell."""
