"""A sandbox that runs nothing: every script has ended with 0 before it began. For measuring all the rest of the grid."""

from __future__ import annotations

from domain.execution.events import Usage
from services.runner.interpreters import interpreters
from services.runner.sandbox.box import Exit, Spec
from services.runner.sandbox.spawn import close_all, pipe


class Instant:
    """Only ever injected by who builds a runner; no setting leads here."""

    kind = "instant"
    home = "/tmp"
    confined = True
    interpreters = interpreters()

    async def start(self, spec: Spec) -> Ended:
        return Ended()


class Ended:
    """A script that has ended; its pipes are at their end."""

    warm = False

    def __init__(self) -> None:
        self.stdout, out = pipe()
        self.stderr, err = pipe()
        close_all(out, err)

    async def wait(self) -> Exit:
        return Exit(0)

    async def kill(self, grace_seconds: float) -> None:
        return

    def gone(self) -> bool:
        return True

    def pids(self) -> list[int]:
        return []

    def usage(self) -> Usage:
        return Usage()

    def oom(self) -> bool:
        return False

    def guarded(self) -> bool:
        return False

    def close(self) -> None:
        return
