"""A sandbox that runs nothing: every script has ended with 0 before it began. For measuring all the rest of the grid."""

from __future__ import annotations

import os

from domain.execution.events import Usage
from services.runner.sandbox.box import Exit, Spec


class Instant:
    """Only ever injected by who builds a runner; no setting leads here."""

    kind = "instant"
    home = "/tmp"

    async def start(self, spec: Spec) -> Ended:
        return Ended()


class Ended:
    """A script that has ended; its pipes are at their end."""

    def __init__(self) -> None:
        self.stdout = os.open(os.devnull, os.O_RDONLY)
        self.stderr = os.open(os.devnull, os.O_RDONLY)

    async def wait(self) -> Exit:
        return Exit(0)

    async def kill(self, grace_seconds: float) -> None:
        return

    def gone(self) -> bool:
        return True

    def usage(self) -> Usage:
        return Usage()

    def oom(self) -> bool:
        return False

    def close(self) -> None:
        return
