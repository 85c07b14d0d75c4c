"""What was decided about batches, one thing at a time for each; and what was left undone, again by the clock."""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext
from weakref import WeakValueDictionary

from domain.batch import events as b
from domain.errors import HistoryLost, RgridError
from services.runtime.log import History, Ref
from services.runtime.service import Context, EventItem
from services.steward.again import go_again
from services.steward.expand import expand
from services.steward.halt import halt

logger = logging.getLogger("rgrid.steward")

STALLED_SECONDS = 15.0
EXPANDED_AT_ONCE = 2
"""A list of members may be 256 MiB, and all of it is in memory while they are written."""
_REACTIONS = {
    b.BatchSubmitted: expand,
    b.BatchStopped: halt,
    b.BatchCancelRequested: halt,
    b.BatchRetried: go_again,
}


class Steward:
    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Ref, asyncio.Lock] = WeakValueDictionary()
        self._expanding = asyncio.Semaphore(EXPANDED_AT_ONCE)

    async def react(self, context: Context, item: EventItem) -> None:
        """Carry out one decision; a second delivery adds nothing."""
        bound = self._expanding if isinstance(item.event, b.BatchSubmitted) else nullcontext()
        async with self._lock(item.ref), bound:
            await _REACTIONS[type(item.event)](context, item)

    async def redrive(self, context: Context) -> None:
        """Until cancelled: carry out what stands in the log for STALLED_SECONDS and is not carried out.

        A reaction that failed too often was parked.
        """
        while True:
            await asyncio.sleep(STALLED_SECONDS)
            for row in await context.queries.open_batches():
                await self.redrive_batch(context, Ref(row.account, "batch", row.id))

    async def redrive_batch(self, context: Context, ref: Ref) -> None:
        """What fails with one batch stops no other."""
        if self._lock(ref).locked():
            return
        try:
            state, _ = await context.load(ref)
            for item in undone(await context.log.load(ref), state.phase, state.halted):
                if item.commit.at_us < context.now_us() - int(STALLED_SECONDS * 1e6):
                    await self.react(Context(context.service, context.shell, item), item)
        except HistoryLost:
            raise
        except (RgridError, OSError) as error:
            logger.warning("%s waits to be carried out: %s", ref.id, error)
        except Exception:
            logger.exception("%s waits to be carried out", ref.id)

    def _lock(self, batch: Ref) -> asyncio.Lock:
        return self._locks.setdefault(batch, asyncio.Lock())


def undone(history: History, phase: str, halted: bool) -> list[EventItem]:
    """What of the last round may not be carried out: how it began, unless it is expanded; what halts it, unless it is over."""
    beginning: list[EventItem] = []
    halting: list[EventItem] = []
    for recorded in history.commits:
        for index, event in enumerate(recorded.commit.events):
            item = EventItem(event, recorded, f"{recorded.position}.{index}")
            if isinstance(event, b.BatchSubmitted | b.BatchRetried):
                beginning, halting = [item], []
            elif isinstance(event, b.BatchStopped | b.BatchCancelRequested):
                halting.append(item)
    return (beginning if phase == "submitted" else []) + (halting if halted and phase != "finished" else [])
