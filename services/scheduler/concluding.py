"""Says of batches what follows from their members: that enough have failed to stop one, that all of one have ended.

Each is said once the board shows it, and again when the log did not take it; the batch's decider knows what was said before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from domain.errors import Unavailable
from services.runtime.handle import Handled
from services.runtime.log import Ref
from services.runtime.service import Context
from services.scheduler.board import Board
from services.scheduler.loading import Loading

AGAIN_AFTER_SECONDS = 0.5


class Concluding:
    """`tell(ref, command)` sends a command, and returns None when that failed; `again()` has the board looked at anew."""

    def __init__(
        self,
        context: Context,
        board: Board,
        loading: Loading,
        tell: Callable[[Ref, Any], Awaitable[Handled | None]],
        again: Callable[[], None],
    ) -> None:
        self._context, self._board, self._loading = context, board, loading
        self._tell, self._again = tell, again
        self._busy: set[Ref] = set()
        self._said: dict[Ref, tuple[int, Any]] = {}

    def look(self, group: asyncio.TaskGroup) -> None:
        """See to the batches of which something changed."""
        batches = self._board.batches
        touched, batches.touched = batches.touched, set()
        for ref in touched:
            watched = batches.known.get(ref)
            if ref in self._busy or watched is None:
                continue  # who is busy with it touches it again
            if watched.incomplete:
                self._begin(group, ref, self._fill(ref, watched.position))
                continue
            command, (said_at, said) = watched.due(), self._said.get(ref, (0, None))
            if command is None:
                self._said.pop(ref, None)
            elif watched.position >= said_at and command != said:
                self._begin(group, ref, self._say(ref, command))
        batches.trim(self._board.open.values())

    def _begin(self, group: asyncio.TaskGroup, ref: Ref, doing: Coroutine[Any, Any, None]) -> None:
        self._busy.add(ref)
        group.create_task(doing)

    async def _say(self, ref: Ref, command: Any) -> None:
        """What came of it comes by in the log, and touches the batch again."""
        handled = await self._tell(ref, command)
        if handled is not None:
            self._said[ref] = handled.position, command
        self._done(ref)

    async def _fill(self, ref: Ref, position: int) -> None:
        """How its members ended before it was retried, as soon as the read models know that it was."""
        try:
            await self._context.queries.wait_for(position)
            await self._loading.fill(ref)
        except (Unavailable, OSError) as error:
            self._context.logger.warning("how the members of %s ended is not known yet: %s", ref.id, error)
            await asyncio.sleep(AGAIN_AFTER_SECONDS)
        self._done(ref)

    def _done(self, ref: Ref) -> None:
        self._busy.discard(ref)
        self._board.batches.touched.add(ref)
        self._again()
