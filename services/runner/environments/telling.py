"""Tells the control plane which environments are on this node, and brings it the archive that other nodes fetch.

Environments belong to accounts there, and to nobody here: equal content is one folder. So each account whose run uses one is
told of once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace

from domain.environment.events import Recipe
from domain.errors import RgridError
from domain.files import FileRef
from services.runner.environments.folder import read_manifest
from services.runner.environments.pack import NAME, pack
from services.runner.environments.shelf import Shelf
from services.runner.environments.wanted import BUILT, DROPPED, FETCHED, Wanted
from services.runner.reports import Reports
from services.runner.upload import Uploads
from services.runner.urls import Urls
from services.runtime.messages import EnvironmentFact

log = logging.getLogger("rgrid.runner")

OF_ITSELF = "environment"
"""Instead of an execution, where a node speaks of itself: of what it threw away."""


class Telling:
    """The words of one node about its environments."""

    def __init__(self, shelf: Shelf, reports: Reports, uploads: Uploads) -> None:
        self._shelf, self._reports, self._uploads = shelf, reports, uploads
        self._busy: set[tuple[str, str]] = set()
        self._dropping: set[asyncio.Task[None]] = set()

    def tell(self, wanted: Wanted, event: str, urls: Urls) -> asyncio.Task[None] | None:
        """Begin to, if there is anything to tell; what is left undone is told by the next attempt that uses it."""
        key = (wanted.id, wanted.work.account)
        if key in self._busy or self._shelf.knows(*key):
            return None
        self._busy.add(key)
        task = asyncio.create_task(self._tell(wanted, event, urls))
        task.add_done_callback(lambda _: self._busy.discard(key))
        return task

    def dropped(self, environment: str, recipe: Recipe, reason: str) -> None:
        """It is gone from this node: every account that was told of it hears that."""
        for account in self._shelf.unlearn(environment):
            fact = EnvironmentFact(account, OF_ITSELF, 0, environment, recipe, DROPPED, reason=reason)
            task = asyncio.create_task(self._reports.environment(fact, secrets.token_hex(4)))
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)

    async def _tell(self, wanted: Wanted, event: str, urls: Urls) -> None:
        manifest = read_manifest(self._shelf.path(wanted.id))
        if manifest is None:
            return
        fact = replace(wanted.fact(event), size_bytes=manifest.size_bytes, packages=manifest.packages)
        try:
            if event == FETCHED:
                fact = replace(fact, took_ms=manifest.took_ms)
            elif event != BUILT and await urls.archive(wanted.id) is not None:
                fact = replace(fact, event=FETCHED)
            else:
                archive = await self._stored(wanted, urls)
                fact = replace(fact, event=BUILT, took_ms=manifest.took_ms, archive=archive)
        except asyncio.CancelledError:  # it took too long to bring it; the next attempt goes on
            return
        except RgridError as error:
            log.warning("%s is not told of: %s", wanted.id, error)
            return
        await self._reports.environment(fact)
        self._shelf.learn(wanted.id, wanted.work.account)

    async def _stored(self, wanted: Wanted, urls: Urls) -> FileRef | None:
        """The packed environment in the store; None when it does not go there: each node builds it by itself then."""
        path = self._shelf.pack(wanted.id)
        try:
            upload = await asyncio.to_thread(pack, self._shelf.path(wanted.id), path)
            await self._uploads.store([upload], urls)
        except (RgridError, OSError) as error:
            log.warning("%s is not shared: %s", wanted.id, error)
            return None
        finally:
            path.unlink(missing_ok=True)
        return FileRef(NAME, upload.sha256, upload.size_bytes)
