"""Says in the log of a run why its script has not begun: its packages are being made ready, which may take a while."""

from __future__ import annotations

import asyncio

from services.runner.ending import dropped
from services.runner.logs.publisher import Publisher
from services.runner.logs.spool import OWN, Spool
from services.runtime.bus import Bus

HELD_SECONDS = 1.0
"""Nobody wonders about less."""


class Notice:
    """One line, published at once; whoever publishes the log of the script sends it again, and readers know that."""

    def __init__(self, bus: Bus, subject: str, spool: Spool) -> None:
        self._spool = spool
        self._publisher = Publisher(bus, subject, spool, asyncio.Event())
        self._timer: asyncio.TimerHandle | None = None
        self._saying: asyncio.Task[None] | None = None

    def making(self, packages: int) -> None:
        """So many packages are being made ready: said if it takes long."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._say, packages)

    async def over(self) -> None:
        """They are, or never will be."""
        if self._timer is not None:
            self._timer.cancel()
        if self._saying is not None:
            await dropped(self._saying)

    def _say(self, packages: int) -> None:
        many = f"{packages:,} packages" if packages != 1 else "1 package"
        self._spool.write(OWN, f"environment  {many}: being made ready on the node\n".encode())
        self._publisher.close()
        self._saying = asyncio.create_task(self._publisher.run())
