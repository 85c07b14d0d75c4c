"""Why an attempt is ended from outside, and how much longer each cause lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from domain.execution.events import Reason
from services.runner import explain

T = TypeVar("T")

CANCELLED, STALE, STOPPED = "cancelled", "stale", "stopped"
PATIENCE_SECONDS = {CANCELLED: 10.0, STALE: 0.0, STOPPED: 5.0}
"""How much longer the outputs of a script that has ended may take once somebody wants it over, by cause."""


class Ended(Exception):
    """Somebody wants it over before it came to its own end."""


class Ending:
    """Set once, from outside: `cancelled` (a person wants it), `stale` (another attempt holds the lease), `stopped` (the
    runner ends)."""

    def __init__(self) -> None:
        self.wanted: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def set(self, cause: str) -> None:
        if not self.wanted.done():
            self.wanted.set_result(cause)

    @property
    def cause(self) -> str:
        """Empty while nobody wants it over."""
        return self.wanted.result() if self.wanted.done() else ""

    def result(self) -> tuple[str, Reason]:
        """(status, reason) of an attempt that ended for this cause."""
        if self.cause == STOPPED:
            return "lost", explain.runner_stopped()
        return CANCELLED, explain.cancelled()

    async def unless_wanted(self, doing: Coroutine[Any, Any, T] | asyncio.Task[T]) -> T:
        """Do it, unless somebody wants it over meanwhile: then raise Ended."""
        task = doing if isinstance(doing, asyncio.Task) else asyncio.create_task(doing)
        await asyncio.wait((task, self.wanted), return_when=asyncio.FIRST_COMPLETED)
        if not self.wanted.done():
            return task.result()
        await dropped(task)
        raise Ended

    async def in_time(self, doing: Coroutine[Any, Any, T]) -> T:
        """The script has ended, and that end stands; only when its outputs do not come home in time, Ended is raised."""
        task = asyncio.create_task(doing)
        await asyncio.wait((task, self.wanted), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait((task,), timeout=PATIENCE_SECONDS.get(self.cause, 0.0))
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait((task,))
        raise Ended


async def dropped(task: asyncio.Task[Any]) -> None:
    """End it; nobody asks for what came of it."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()
