"""Says in the log of a run why its script has not begun: its packages are being made ready, which may take a while."""

from __future__ import annotations

import asyncio

from services.runner.ending import dropped
from services.runner.logs.publisher import Publisher
from services.runner.logs.spool import OWN, Spool
from services.runtime.bus import Bus

HELD_SECONDS = 1.0
"""Nobody wonders about less."""
AGAIN_SECONDS = 15.0
"""Who hears nothing for longer thinks that it hangs."""
PUBLISHED_SECONDS_MAX = 1.0
"""So long the last of it may take to go out; the log of the script, if there is one, holds it too."""


class Notice:
    """Lines, published at once; whoever publishes the log of the script sends them again, and readers know that."""

    def __init__(self, bus: Bus, subject: str, spool: Spool) -> None:
        self._spool = spool
        self._wake = asyncio.Event()
        self._publisher = Publisher(bus, subject, spool, self._wake)
        self._publishing: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._began = 0.0

    def making(self, packages: int) -> None:
        """So many packages are being made ready: said if it takes long, and again and again if it takes longer."""
        if self._telling is None:
            self._began = asyncio.get_running_loop().time()
            self._telling = asyncio.create_task(self._tell(packages))

    async def over(self, ready: bool) -> None:
        """They are, or never will be."""
        if self._telling is not None:
            await dropped(self._telling)
        if self._publishing is None:
            return
        if ready:
            self._say(f"ready after {self._seconds()} s")
        self._publisher.close()
        await asyncio.wait((self._publishing,), timeout=PUBLISHED_SECONDS_MAX)
        await dropped(self._publishing)

    async def _tell(self, packages: int) -> None:
        await asyncio.sleep(HELD_SECONDS)
        self._publishing = asyncio.create_task(self._publisher.run())
        self._say(f"{f'{packages:,} packages' if packages != 1 else '1 package'}: being made ready on the node")
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            self._say(f"still being made ready, {self._seconds()} s")

    def _seconds(self) -> int:
        return round(asyncio.get_running_loop().time() - self._began)

    def _say(self, text: str) -> None:
        self._spool.write(OWN, f"environment  {text}\n".encode())
        self._wake.set()
