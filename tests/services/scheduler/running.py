"""Schedulers that run over the log in memory, and what the read models tell them at their start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from domain.node.events import NodeJoined
from services.scheduler import Scheduler
from tests.services.shell import Bench

UNTIL_SECONDS_MAX = 30.0


class Remembered:
    """The projections' word, as far as they came (`at`)."""

    def __init__(self, *ids: str, batches: Sequence[str] = (), at: int = 0) -> None:
        self.ids, self.batches, self.at = ids, batches, at
        self.ended: dict[str, list[tuple[str, str, int]]] = {}

    async def position(self) -> int:
        return self.at

    async def wait_for(self, position: int) -> int:
        return position

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        return {}

    async def open_executions(self) -> list[tuple[str, str]]:
        return [("a", id) for id in self.ids]

    async def open_batches(self) -> list[tuple[str, str]]:
        return [("a", id) for id in self.batches]

    async def ended_members(self, account: str, batch_id: str) -> list[tuple[str, str, int]]:
        return self.ended.get(batch_id, [])


@contextlib.asynccontextmanager
async def running(bench: Bench, nodes: dict[str, NodeJoined]) -> AsyncIterator[Scheduler]:
    """A scheduler that has started, and sees these nodes."""
    scheduler = Scheduler(bench.context())
    scheduler.board.nodes.update(nodes)
    task = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so; what is not on the board yet is not so."""
    async with asyncio.timeout(UNTIL_SECONDS_MAX):
        while True:
            if _so(holds):
                return
            await asyncio.sleep(0.001)


def _so(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except KeyError:
        return False
