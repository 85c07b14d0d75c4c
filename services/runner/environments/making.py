"""Makes an environment that is not there: fetched if the store has it, else built; beside its place, and moved there whole."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from services.runner.cleaning import remove_now
from services.runner.environments import boxed, npm, python
from services.runner.environments.fetch import fetched
from services.runner.environments.folder import Manifest, finish, size_bytes, whole
from services.runner.environments.lockfile import Lock, NodeLock
from services.runner.environments.shelf import Shelf
from services.runner.environments.using import alone, together
from services.runner.environments.wanted import BUILT, FETCHED, FOUND, Wanted
from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import Sandbox
from services.runner.urls import Urls

log = logging.getLogger("rgrid.runner")


@dataclass(frozen=True, slots=True)
class Making:
    """`here` are the interpreters that this process can run by itself; `bytes_max` bounds what is fetched."""

    shelf: Shelf
    http: aiohttp.ClientSession
    sandbox: Sandbox
    here: tuple[Interpreter, ...]
    bytes_max: int

    async def make(self, wanted: Wanted, lock: Lock, urls: Urls) -> str:
        """Have it in its place: BUILT, FETCHED, or FOUND when another process was first.

        Raises Unbuildable, Unbuilt, OSError. One at a time for each environment, of all processes.
        """
        async with alone(self.shelf.lock(wanted.id)):
            path = self.shelf.path(wanted.id)
            if whole(path, wanted.recipe, wanted.interpreter):
                return FOUND
            if path.exists():
                log.warning("%s is damaged and made anew", wanted.id)
                await asyncio.to_thread(self.shelf.remove, wanted.id, also_used=True)
            beside, began = self.shelf.beside(wanted.id), time.monotonic()
            try:
                event = await self._fill(beside, wanted, lock, urls)
                await asyncio.to_thread(self._finish, beside, wanted, lock, int((time.monotonic() - began) * 1000))
                beside.rename(path)
            except BaseException:
                asyncio.get_running_loop().run_in_executor(None, remove_now, beside)
                raise
            log.info("%s %s in %.1f s", wanted.id, event, time.monotonic() - began)
            return event

    async def _fill(self, beside: Path, wanted: Wanted, lock: Lock, urls: Urls) -> str:
        if await fetched(self.http, urls, wanted.id, beside, self.bytes_max):
            return FETCHED
        await asyncio.to_thread(_empty, beside)
        async with together(self.shelf.caches):
            await self._build(beside, wanted, lock)
        return BUILT

    async def _build(self, beside: Path, wanted: Wanted, lock: Lock) -> None:
        cache = self.shelf.cache("npm" if wanted.recipe.kind == "node" else "uv")
        if isinstance(lock, NodeLock):
            await npm.make(beside, lock, wanted.interpreter, cache)
        elif wanted.recipe.builds:
            await boxed.make(beside, lock, wanted.interpreter, self.here, self.sandbox)
        else:
            link = "hardlink" if self.sandbox.confined else "copy"
            await python.make(beside, lock, wanted.interpreter, self.here, cache, link)

    def _finish(self, beside: Path, wanted: Wanted, lock: Lock, took_ms: int) -> None:
        packages = sum(1 for _ in beside.glob("lib/python3.*/site-packages/*.dist-info"))
        if isinstance(lock, NodeLock):
            packages = lock.packages
        program, version = wanted.interpreter.program, wanted.interpreter.version
        manifest = Manifest(wanted.recipe, program, version, packages, size_bytes(beside), took_ms)
        finish(beside, manifest, wanted.interpreter)


def _empty(folder: Path) -> None:
    """What an archive left that was not whole."""
    remove_now(folder)
    folder.mkdir(mode=0o755)
