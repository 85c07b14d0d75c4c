"""The environments of a node: an attempt asks for its own, and holds it until nothing of the attempt is left.

Made once however many ask, of this process (a task they share) or of others (a lock). The least recently used ones go when
the budget is reached; what is held stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from domain.errors import Unavailable
from services.runner.blobs import BlobCache
from services.runner.download import Downloads
from services.runner.environments.budget import shrink, shrink_caches
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.environments.folder import read_manifest, settle, whole
from services.runner.environments.held import Held
from services.runner.environments.lockfile import Lock, read_lock
from services.runner.environments.making import Making
from services.runner.environments.shared import Shared
from services.runner.environments.shelf import Kept, Shelf
from services.runner.environments.telling import Telling
from services.runner.environments.using import alone, use
from services.runner.environments.wanted import FOUND, Wanted
from services.runner.interpreters import Interpreter
from services.runner.reports import Reports
from services.runner.sandbox.box import Sandbox
from services.runner.upload import Uploads
from services.runner.urls import Urls
from services.runtime.messages import BlobRef, RunWork

log = logging.getLogger("rgrid.runner")

ID = re.compile(r"env_[0-9a-f]{8,64}")
TRIES_MAX = 5
"""So often it may be thrown away between its making and its use; that is more than chance."""


class Environments:
    """`bytes_max` is the disk budget."""

    def __init__(
        self, making: Making, telling: Telling, cache: BlobCache, downloads: Downloads, bytes_max: int
    ) -> None:
        self._making, self._telling, self._shelf, self._bytes_max = making, telling, making.shelf, bytes_max
        self._cache, self._downloads = cache, downloads
        self._shared = Shared()
        self._doomed: dict[str, str] = {}
        self._holds: Counter[str] = Counter()
        self._chores: set[asyncio.Task[None]] = set()

    async def ready(
        self, work: RunWork, interpreter: Interpreter, urls: Urls, making: Callable[[int], None] = lambda _: None
    ) -> Held | None:
        """The environment of this job, held; None for a job without packages. `making` hears of one that must be
        made, and of how many packages it has.

        Raises Unbuildable (the lock is to blame), Unbuilt (try again later), Damaged, Unavailable, StaleLease, OSError.
        """
        if work.job.environment is None:
            return None
        if interpreter in self._making.here and not os.access(interpreter.program, os.X_OK):
            raise Unbuilt(f"{interpreter.program} is gone from it; start its runner again")
        wanted, event = Wanted.of(work, work.job.environment, interpreter), FOUND
        path = self._shelf.path(wanted.id)
        for _ in range(TRIES_MAX):
            fd = use(path)
            if fd is not None and whole(path, wanted.recipe, interpreter):
                if event != FOUND:
                    self._do(self._shrink())
                self._holds[wanted.id] += 1
                return Held(path, fd, self._telling.tell(wanted, event, urls), lambda: self._closed(wanted.id))
            if fd is not None:
                os.close(fd)
            lock = await self._lock(wanted, urls)
            making(lock.packages)
            event = await self._shared.done(wanted.id, partial(self._make, wanted, lock, urls))
        raise Unbuilt("it is thrown away again and again before it can be used")

    def forget(self, environments: tuple[str, ...], reason: str) -> None:
        """Throw them away; those that attempts hold, as soon as none does."""
        for each in environments:
            if ID.fullmatch(each):
                self._do(self._forget(each, reason))

    def kept(self) -> list[Kept]:
        """All that are whole, the least recently used one first."""
        return self._shelf.kept()

    def sweep(self) -> None:
        """What an earlier life left half done. Takes a moment: run it in a thread."""
        self._shelf.sweep_all()

    async def _lock(self, wanted: Wanted, urls: Urls) -> Lock:
        blob = wanted.packages.lock
        self._cache.hold(blob.sha256)
        try:
            await self._downloads.fetch([BlobRef(blob.sha256, blob.size_bytes)], urls)
            content = self._cache.path(blob.sha256).read_bytes()
            return await asyncio.to_thread(read_lock, wanted.packages.kind, content)
        finally:
            self._cache.release(blob.sha256)

    async def _make(self, wanted: Wanted, lock: Lock, urls: Urls) -> str:
        try:
            event = await self._making.make(wanted, lock, urls)
        except (Unbuildable, Unbuilt):
            self._do(self._shrink())  # it may have filled the cache of its tool
            raise
        if event != FOUND:  # whoever was told that it is here: what there was is gone
            self._telling.dropped(wanted.id, wanted.recipe, "damaged")
            self._do(self._settle(self._shelf.path(wanted.id)))
        return event

    async def _settle(self, path: Path) -> None:
        """Not before it is used, and not if it is gone by then."""
        if (fd := use(path)) is not None:
            self._holds[path.name] += 1
            try:
                await asyncio.to_thread(settle, path)
            finally:
                os.close(fd)
                self._closed(path.name)

    async def _forget(self, environment: str, reason: str) -> None:
        async with alone(self._shelf.lock(environment)):
            manifest = read_manifest(self._shelf.path(environment))
            if manifest is None:
                return
            # An attempt that holds it may not have begun its box; what else uses it is in a box, which keeps what it shows.
            if self._making.sandbox.confined and not self._holds[environment]:
                self._shelf.withdraw(environment)
                await asyncio.to_thread(self._shelf.sweep)
            if await asyncio.to_thread(self._shelf.remove, environment):
                self._doomed.pop(environment, None)
                self._telling.dropped(environment, manifest.recipe, reason)
            else:
                self._doomed[environment] = reason

    def _closed(self, environment: str) -> None:
        self._holds[environment] -= 1
        if not self._holds[environment]:
            del self._holds[environment]
        if environment in self._doomed:
            self._do(self._forget(environment, self._doomed[environment]))

    async def _shrink(self) -> None:
        for kept in await asyncio.to_thread(shrink, self._shelf, self._bytes_max):
            self._telling.dropped(kept.id, kept.manifest.recipe, "budget")
        await asyncio.to_thread(shrink_caches, self._shelf, self._bytes_max)

    def _do(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._chores.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Unavailable):
            log.error("the environments of the node: a chore failed", exc_info=error)


def environments_of(
    folder: Path,
    bytes_max: int,
    sandbox: Sandbox,
    here: tuple[Interpreter, ...],
    http: aiohttp.ClientSession,
    cache: BlobCache,
    downloads: Downloads,
    uploads: Uploads,
    reports: Reports,
) -> Environments:
    """Those of a node in `folder`; `here` are the interpreters of this machine, which may not be those of its sandbox."""
    shelf = Shelf(folder)
    making = Making(shelf, http, sandbox, here, bytes_max)
    return Environments(making, Telling(shelf, reports, uploads), cache, downloads, bytes_max)
