"""A grid that is away while a batch is followed: said once, waited for, and said when it is back."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..errors import CliError
from ..terminal.screen import clean, warn
from ..wire.patience import PAUSE_FIRST, PAUSE_MAX, Patience, Stopped
from ..wire.reply import Reply, is_away, why
from ..wire.transport import BROKEN, Api

TOLD_AFTER_SECONDS = 1.0
PAUSE_SECONDS = 0.5


class Outage:
    """Shared by all that speak to the grid for one batch: whoever meets it first tells it, for all of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.since = 0.0
        self.told = False

    def met(self, cause: str) -> None:
        """Something did not answer."""
        with self.lock:
            now = time.monotonic()
            self.since = self.since or now
            if self.told or now - self.since < TOLD_AFTER_SECONDS:
                return
            self.told = True
        said = clean(cause.strip().partition("\n")[0])
        warn(f"the grid does not answer ({said}); the batch goes on without us, still trying … (Ctrl-C detaches)")

    def over(self) -> None:
        """Something answered."""
        if not self.since:
            return
        with self.lock:
            was, self.told, self.since = self.told, False, 0.0
        if was:
            warn("the grid answers again")


class Unhurried(Patience):
    """Patience of transfers that belong to a batch: it ends when the batch is left, not when its time is up."""

    def __init__(self, outage: Outage) -> None:
        super().__init__("The download")
        self.outage = outage

    def progress(self) -> None:
        self.pause = PAUSE_FIRST
        self.outage.over()

    def wait(self, cause: str | BaseException, seconds: float = 0.0) -> None:
        """Sleep before the next try; raises Stopped when the batch is left meanwhile."""
        self.outage.met(why(cause) if isinstance(cause, BaseException) else cause)
        pause, self.pause = max(seconds, self.pause), min(PAUSE_MAX, self.pause * 2)
        if self.stop.wait(pause):
            raise Stopped


class Once(Api):
    """Requests that are sent once each: whoever follows a batch asks again anyway, and one of them says why."""

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, patient: bool = False
    ) -> Reply:
        reply = self._once(method, path, body, headers)
        if reply.status >= 300:
            raise self.problem(reply)
        return self._checked_json(reply)


def passing(failed: CliError) -> str:
    """Why a request failed, if that may pass by itself; empty when it will not."""
    if failed.code == "NOT_RGRID":
        return failed.message.rstrip(".") + "; is a proxy in between?"
    if isinstance(failed.__cause__, BROKEN):
        return why(failed.__cause__)
    if is_away(failed.code) or failed.code in ("INTERNAL", "BAD_ANSWER", "OVERLOADED", "RATE_LIMITED", "SHUTTING_DOWN"):
        return failed.message.rstrip(".")
    return ""
