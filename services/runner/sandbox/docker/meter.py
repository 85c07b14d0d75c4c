"""What a container used: read from our control group when there is one, else asked of the engine while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import time

from aiodocker.containers import DockerContainer

from domain.execution.events import Usage
from services.runner.sandbox.docker.engine import FAILURES
from services.runner.sandbox.docker.nested import Nested

SAMPLE_SECONDS, SAMPLE_SECONDS_MAX = 0.02, 0.5
"""Often at first, since most scripts are short."""


class Meter:
    """`usage` at any time; `close` it. Without a group the last moments are missing, and a short run is not seen at all."""

    def __init__(self, container: DockerContainer, nested: Nested | None) -> None:
        self._container, self._nested = container, nested
        self._began = time.monotonic()
        self._cpu_ms, self._peak = 0, 0
        self._sampling = None if nested is not None else asyncio.create_task(self._sample())

    def usage(self) -> Usage:
        wall_ms = int((time.monotonic() - self._began) * 1000)
        if self._nested is not None:
            group = self._nested.group
            return Usage(group.cpu_ms() or 0, group.memory_peak_bytes(), wall_ms)
        return Usage(self._cpu_ms, self._peak or None, wall_ms)

    def close(self) -> None:
        if self._sampling is not None:
            self._sampling.cancel()

    async def _sample(self) -> None:
        pause = SAMPLE_SECONDS
        while True:
            with contextlib.suppress(*FAILURES, KeyError, ValueError):
                await self._look()
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, SAMPLE_SECONDS_MAX)

    async def _look(self) -> None:
        path, once = f"containers/{self._container.id}/stats", {"stream": "false", "one-shot": "true"}
        # aiodocker's own `stats` waits a second for a sample to compare with
        said = await self._container.docker._query_json(path, params=once)
        self._cpu_ms = max(self._cpu_ms, said["cpu_stats"]["cpu_usage"]["total_usage"] // 1_000_000)
        memory = said["memory_stats"]
        self._peak = max(self._peak, memory.get("max_usage", 0), memory.get("usage", 0))
