"""The zygotes of a node: which there are, when one is begun, and when one has to go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from services.runner.warm.holding import hatched
from services.runner.warm.key import Key
from services.runner.warm.zygote import Hatchery, Zygote, greeted

log = logging.getLogger("rgrid.runner")

ZYGOTES_MAX = 8
RUNS_MAX, AGE_SECONDS_MAX = 250, 900.0
"""Then another takes its place: all forks of one zygote hash strings alike."""
IDLE_SECONDS = 600.0
LOOK_SECONDS = 5.0
AGAIN_SECONDS = 300.0
"""What could not be warmed is tried again after this, and so is what failed FAILURES_MAX times within it."""
FAILURES_MAX = 2
COMPANY = "a module starts processes that go on when it has been imported"
AVAILABLE_SHARE_MIN = 0.05
"""With less memory than this share of it available, no zygote is kept that has nothing to do."""
Imports = frozenset[str]


class Nest:
    """At most one zygote serves a key; another may be warming up to take its place."""

    def __init__(self, hatchery: Hatchery, meminfo: Path = Path("/proc/meminfo")) -> None:
        self._hatchery, self._meminfo = hatchery, meminfo
        self.warm: dict[Key, Zygote] = {}
        self.warming: dict[Key, asyncio.Task[None]] = {}
        self._unfit: dict[tuple[Key, Imports], float] = {}
        self._failures: dict[tuple[Key, Imports], list[float]] = {}
        self._told: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    def find(self, key: Key, imports: Iterable[str]) -> Zygote | None:
        """One that is warm; None while there is none. One that fits better is begun in the background, if there is a need."""
        wanted = frozenset(imports)
        if time.monotonic() < self._unfit.get((key, wanted), 0):
            return None
        zygote = self.warm.get(key)
        if zygote is not None and not zygote.process.alive():
            self.failed(key, zygote, "it has ended")
            zygote = None
        if zygote is None:
            self._begin(key, wanted, wanted)
        elif not wanted <= zygote.imports or zygote.runs >= RUNS_MAX or zygote.age() >= AGE_SECONDS_MAX:
            self._begin(key, wanted, wanted | zygote.imports)
        return zygote

    def failed(self, key: Key, zygote: Zygote, why: str) -> None:
        """It did not do what it is for: another one is to take its place."""
        self._tell(f"a warm start failed, scripts start cold meanwhile: {why}")
        if self.warm.get(key) is zygote:
            del self.warm[key]
            self._retire(zygote)
            now, kind = time.monotonic(), (key, zygote.imports)
            recent = [each for each in self._failures.pop(kind, []) if each > now - AGAIN_SECONDS]
            if len(recent) + 1 >= FAILURES_MAX:
                self._unfit[kind] = now + AGAIN_SECONDS
            else:
                self._failures[kind] = [*recent, now]

    async def close(self) -> None:
        """End all of them, and whatever runs in them."""
        tasks = [*self.warming.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
        await asyncio.gather(*(zygote.process.end() for zygote in self.warm.values()))
        self.warm.clear()

    def look(self) -> None:
        """Let go of those that nobody has used for long, and of all idle ones when memory is short."""
        short = self._short()
        for key, zygote in list(self.warm.items()):
            if not zygote.living and zygote.process.alive() and not zygote.alone():
                self._unfit[key, zygote.imports] = time.monotonic() + AGAIN_SECONDS
                self.failed(key, zygote, COMPANY)
            elif not zygote.living and (short or zygote.idle_seconds() >= IDLE_SECONDS):
                del self.warm[key]
                self._retire(zygote)

    def _begin(self, key: Key, wanted: Imports, imports: Imports) -> None:
        if key in self.warming or time.monotonic() < self._unfit.get((key, imports), 0) or self._short():
            return
        if key not in self.warm and not self._room():
            return
        self.warming[key] = asyncio.create_task(self._hatch(key, wanted, imports))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def _room(self) -> bool:
        """For one more; the one that was used longest ago has to go, unless scripts run in all of them."""
        if len(self.warm) + len(self.warming) < ZYGOTES_MAX:
            return True
        idle = [(zygote.used, key) for key, zygote in self.warm.items() if not zygote.living]
        if idle:
            _, key = min(idle, key=lambda each: each[0])
            self._retire(self.warm.pop(key))
        return bool(idle)

    async def _hatch(self, key: Key, wanted: Imports, imports: Imports) -> None:
        process = None
        try:
            process = await hatched(self._hatchery, key, sorted(imports))
            hello = await greeted(process)
            if hello.why_not:
                raise ValueError(hello.why_not)
            zygote = Zygote(process, hello, imports)
            if not zygote.alone():
                raise ValueError(COMPANY)
            old, self.warm[key] = self.warm.get(key), zygote
            process = None
            if old is not None:
                self._retire(old)
        except Exception as error:
            for each in {wanted, imports}:
                self._unfit[key, each] = time.monotonic() + AGAIN_SECONDS
            self._tell(f"scripts start cold: {error or type(error).__name__}")
        finally:
            del self.warming[key]
            if process is not None:
                await process.end()

    def _retire(self, zygote: Zygote) -> None:
        """It ends when the last of its scripts has."""
        zygote.when_idle(lambda: self._later(zygote.process.end()))

    def _later(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        while self.warm or self.warming:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()
            now = time.monotonic()
            self._unfit = {each: until for each, until in self._unfit.items() if until > now}
            self._failures = {each: at for each, at in self._failures.items() if at[-1] > now - AGAIN_SECONDS}

    def _short(self) -> bool:
        """Of memory, as the kernel says."""
        found: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            for line in self._meminfo.read_text().splitlines()[:4]:
                name, _, rest = line.partition(":")
                found[name] = int(rest.split()[0])
        if "MemAvailable" not in found or "MemTotal" not in found:
            return False
        return found["MemAvailable"] < AVAILABLE_SHARE_MIN * found["MemTotal"]

    def _tell(self, what: str) -> None:
        """Once each."""
        if what not in self._told and len(self._told) < 100:
            self._told.add(what)
            log.warning("%s", what)
