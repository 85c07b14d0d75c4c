"""The packages of an attempt's script: made ready while its files come, kept while it runs, given back after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from services.runner.ending import Ending
from services.runner.environments.environments import Held
from services.runner.interpreters import Interpreter
from services.runner.logs.notice import Notice
from services.runner.node import Node
from services.runner.urls import Urls
from services.runtime.messages import RunWork

ARCHIVE_SECONDS_MAX = 60.0
"""How much longer an attempt may take so that its environment, just made, is in the store for other nodes."""


class Packages:
    """Of one attempt, whose own files are below `folder`."""

    def __init__(self, node: Node, work: RunWork, folder: Path) -> None:
        self._node, self._work, self._folder = node, work, folder
        self._held: Held | None = None

    @property
    def path(self) -> Path | None:
        """Their folder on this node; None for a script without."""
        return self._held.path if self._held is not None else None

    async def hold(self, program: Interpreter, urls: Urls, notice: Notice) -> None:
        """`notice` tells those who follow the attempt what it waits for. Raises what `Environments.ready` raises."""
        try:
            self._held = await self._node.environments.ready(self._work, program, urls, notice.making)
        finally:
            await notice.over(self._held is not None)
        packages = self._work.job.environment
        if (
            self.path is not None
            and packages is not None
            and packages.kind == "node"
            and not self._node.sandbox.confined
        ):
            (self._folder / "node_modules").symlink_to(self.path / "node_modules")

    async def settle(self, ending: Ending) -> None:
        """What other nodes need of them is stored before the attempt's end is known: then its lease is gone."""
        if self._held is not None and not ending.cause:
            settling = asyncio.create_task(self._held.settled(ARCHIVE_SECONDS_MAX))
            await asyncio.wait((settling, ending.wanted), return_when=asyncio.FIRST_COMPLETED)
            settling.cancel()
        self.release()

    def release(self) -> None:
        """Nobody here uses them any more."""
        if self._held is not None:
            self._held.close()
