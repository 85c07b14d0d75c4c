"""A zygote outlives the runs that it serves, and so does its hold on their packages: they stay on the node until it ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from services.runner.environments.using import use
from services.runner.warm.key import Key
from services.runner.warm.zygote import Hatchery, Process


class Holding:
    """The process of a zygote with what it holds."""

    def __init__(self, process: Process, fd: int | None) -> None:
        self._process, self._fd = process, fd

    @property
    def control(self) -> socket.socket:
        return self._process.control

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def below(self) -> int:
        return self._process.below

    async def mount(self, folder: Path) -> int:
        return await self._process.mount(folder)

    def alive(self) -> bool:
        return self._process.alive()

    async def end(self) -> None:
        try:
            await self._process.end()
        finally:
            _close(self._fd)
            self._fd = None


async def hatched(hatchery: Hatchery, key: Key, imports: Sequence[str]) -> Process:
    """As `hatchery` does it, with the environment of `key` held. Raises OSError, StartFailed."""
    fd = use(key.environment) if key.environment else None
    try:
        return Holding(await hatchery.hatch(key, imports), fd)
    except BaseException:
        _close(fd)
        raise


def _close(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)
