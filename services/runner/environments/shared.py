"""Work that is done once for all who ask for it meanwhile, as long as one of them wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Shared:
    """By what it is about."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[str]] = {}
        self._askers: dict[asyncio.Task[str], int] = {}

    async def done(self, about: str, begin: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """What came of it; `begin` is called unless it is being done. All who ask get the same result, or error."""
        task = self._tasks.get(about)
        if task is None:
            task = self._tasks[about] = asyncio.create_task(begin())
            task.add_done_callback(lambda task: self._over(about, task))
        self._askers[task] = self._askers.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        finally:
            self._askers[task] -= 1
            if not self._askers[task]:
                del self._askers[task]
                task.cancel()
                self._forget(about, task)

    def _over(self, about: str, task: asyncio.Task[str]) -> None:
        self._forget(about, task)
        if not task.cancelled():
            task.exception()  # nobody may be left to take it

    def _forget(self, about: str, task: asyncio.Task[str]) -> None:
        if self._tasks.get(about) is task:
            del self._tasks[about]
