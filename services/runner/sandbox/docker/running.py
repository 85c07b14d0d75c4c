"""A script in a container: its end as the engine and the kernel tell it, its usage, and how all of it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any

from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError

from domain.execution.events import Usage
from services.runner.sandbox.box import Exit
from services.runner.sandbox.docker.desk import Desk
from services.runner.sandbox.docker.engine import FAILURES, NOT_FOUND, words
from services.runner.sandbox.docker.meter import Meter
from services.runner.sandbox.docker.nested import Nested

log = logging.getLogger("rgrid.runner")

SIGNAL_BASE = 128
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.05, 1.0
KILL_SECONDS, REMOVE_SECONDS = 10.0, 60.0
KILLED = Exit(SIGNAL_BASE + signal.SIGKILL, signal.SIGKILL)


class Contained:
    """Process 1 of the container is the engine's init; when it ends the kernel has ended all others of the container."""

    warm = False

    def __init__(
        self, container: DockerContainer, desk: Desk, nested: Nested | None, removing: Callable[[Contained], None]
    ) -> None:
        self.stdout, self.stderr = desk.stdout, desk.stderr
        self._container, self._desk, self._nested, self._removing = container, desk, nested, removing
        self._meter = Meter(container, nested)
        self._oom = False
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch())

    async def wait(self) -> Exit:
        return await asyncio.shield(self._ended)

    async def kill(self, grace_seconds: float) -> None:
        if grace_seconds > 0 and not self._ended.done():
            await self._signal("SIGTERM")
            await asyncio.wait((self._ended,), timeout=grace_seconds)
        while not self._ended.done():
            await self._signal("SIGKILL")
            await asyncio.wait((self._ended,), timeout=KILL_SECONDS)
            if self._nothing_left():
                self._end(KILLED)  # the engine does not say so, but the kernel does
        pause = 0.001
        while not self.gone():
            assert self._nested is not None
            self._nested.kill()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)

    def gone(self) -> bool:
        return self._ended.done() and not (self._nested and self._nested.pids())

    def pids(self) -> list[int]:
        return self._nested.pids() if self._nested is not None else []

    def usage(self) -> Usage:
        return self._meter.usage()

    def oom(self) -> bool:
        return self._oom or (self._nested is not None and self._nested.group.oom_kills() > 0)

    def guarded(self) -> bool:
        return True

    def close(self) -> None:
        self._meter.close()
        self._watching.cancel()
        self._desk.remove()
        self._removing(self)

    async def remove(self) -> None:
        """Take away the container and its group; whatever cannot be is left to the next start of the runner."""
        try:
            async with asyncio.timeout(REMOVE_SECONDS):
                await self._container.delete(force=True, v=True)
        except FAILURES as error:
            if not _is_away(error):
                log.warning("a container is left behind until this runner starts again: %s", words(error))
        pause = 0.01
        while self._nested is not None and not self._nested.remove() and pause < AGAIN_SECONDS_MAX:
            await asyncio.sleep(pause)
            pause *= 2

    async def _signal(self, name: str) -> None:
        """To all of the tree where we can reach it, and through the engine, which we may have lost."""
        if self._nested is not None:
            self._nested.kill(signal.Signals[name])
            if name != "SIGKILL":
                return
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(KILL_SECONDS):
                await self._container.kill(signal=name)

    def _end(self, end: Exit) -> None:
        if not self._ended.done():
            self._ended.set_result(end)

    async def _watch(self) -> None:
        try:
            self._end(await self._see_end())
        except Exception as error:
            log.exception("the end of a container cannot be seen")
            if not self._ended.done():
                self._ended.set_exception(error)

    async def _see_end(self) -> Exit:
        """An engine that is away for a moment is asked again; one that stays away is not needed once the kernel has nothing."""
        pause = AGAIN_SECONDS
        while True:
            try:
                await self._container.wait()
                state = (await self._container.show())["State"]
            except FAILURES as error:
                if _is_away(error) or self._nothing_left():
                    return KILLED
                await asyncio.sleep(pause)
                pause = min(pause * 2, AGAIN_SECONDS_MAX)
                continue
            self._oom = bool(state.get("OOMKilled"))
            return _exit(state)

    def _nothing_left(self) -> bool:
        return self._nested is not None and not self._nested.pids()


def _exit(state: dict[str, Any]) -> Exit:
    """The engine's init tells of a signal as 128 + signal, as a shell does."""
    code = int(state.get("ExitCode", 0))
    number = code - SIGNAL_BASE
    return Exit(code, number if number in set(signal.Signals) else None, not state.get("Error"), seen=False)


def _is_away(error: BaseException) -> bool:
    """There is no such container any more."""
    return isinstance(error, DockerError) and error.status == NOT_FOUND
