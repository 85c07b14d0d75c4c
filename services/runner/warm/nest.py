"""The zygotes of a node: which there are, when one is begun, and when one has to go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

from services.runner.warm.key import Key
from services.runner.warm.zygote import Hatchery, Zygote, greeted

log = logging.getLogger("rgrid.runner")

IDLE_SECONDS = 600.0
AGAIN_SECONDS = 300.0


class Nest:
    """At most one zygote serves a key; another may be warming up to take its place."""

    def __init__(self, hatchery: Hatchery) -> None:
        self._hatchery = hatchery
        self._warm: dict[Key, Zygote] = {}
        self._warming: dict[Key, asyncio.Task[None]] = {}
        self._unfit: dict[Key, float] = {}

    def find(self, key: Key, imports: Iterable[str]) -> Zygote | None:
        """One that is warm; None while there is none, and then one is begun unless that is known to be in vain."""
        zygote = self._warm.get(key)
        if zygote is not None and not zygote.process.alive():
            del self._warm[key]
            zygote = None
        if zygote is None:
            self._begin(key, frozenset(imports))
        return zygote

    def _begin(self, key: Key, imports: frozenset[str]) -> None:
        if key in self._warming or time.monotonic() < self._unfit.get(key, 0):
            return
        self._warming[key] = asyncio.create_task(self._hatch(key, imports))

    async def _hatch(self, key: Key, imports: frozenset[str]) -> None:
        process = None
        try:
            process = await self._hatchery.hatch(key, sorted(imports))
            hello = await greeted(process)
            if hello.why_not:
                raise ValueError(hello.why_not)
            self._warm[key] = Zygote(process, hello, imports)
        except Exception as error:
            self._unfit[key] = time.monotonic() + AGAIN_SECONDS
            log.info("scripts start cold: %s", error)
            if process is not None:
                await process.end()
        finally:
            del self._warming[key]

    def failed(self, zygote: Zygote, why: str) -> None:
        log.warning("a warm start failed, the script starts cold: %s", why)

    async def close(self) -> None:
        for task in list(self._warming.values()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for zygote in self._warm.values():
            await zygote.process.end()
        self._warm.clear()
