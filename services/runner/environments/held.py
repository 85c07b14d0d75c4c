"""An environment that an attempt uses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path


class Held:
    """An environment in use: `path` stays as it is until `close`."""

    def __init__(self, path: Path, fd: int, told: asyncio.Task[None] | None, closed: Callable[[], None]) -> None:
        self.path, self._fd, self._told, self._closed = path, fd, told, closed

    async def settled(self, seconds: float) -> None:
        """The control plane knows of it, and has its archive; or that took longer than `seconds`."""
        if self._told is not None:
            await asyncio.wait((self._told,), timeout=seconds)

    def close(self) -> None:
        """The attempt is over."""
        if self._told is not None:
            self._told.cancel()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._closed()
