"""The word that a script runs, held back for a moment: one that is over by then is told of together with its end."""

from __future__ import annotations

import asyncio

from services.runner.reports import Reports
from services.runtime.messages import StartedFact

HELD_SECONDS = 0.05
"""Nobody sees a script run for so short a time, and a batch of short ones is spared a third of what is said of it."""


class Start:
    """Said after HELD_SECONDS, or with `say` as soon as there is something to see of it; not at all when `settled` is first."""

    def __init__(self, reports: Reports, fact: StartedFact) -> None:
        self._reports, self._fact = reports, fact
        self._said: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self.say)

    def say(self) -> None:
        """Say it now, once."""
        self._timer.cancel()
        if self._said is None:
            self._said = asyncio.create_task(self._reports.attempt(self._fact))

    async def settled(self) -> None:
        """It is stored if it was said, and will not be said if it was not."""
        self._timer.cancel()
        if self._said is not None:
            await self._said
