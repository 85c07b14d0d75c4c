"""Standing pulls on a real server: what they say and do while their consumer is not there yet."""

from __future__ import annotations

import asyncio
import logging

import pytest

from services.runtime import subjects
from services.runtime.connection import Bus
from services.runtime.pull import ABSENT, Pulled, Puller
from services.runtime.streams import ensure_runner_consumer


async def test_a_consumer_that_is_made_later_is_waited_for_with_one_quiet_line(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    async def name() -> str:
        return subjects.runner_consumer("local-1")

    came: asyncio.Queue[Pulled] = asyncio.Queue()
    puller = Puller(bus, subjects.WORK, name, came.put_nowait, lambda: 10)
    with caplog.at_level(logging.INFO, "rgrid.nats"):
        running = asyncio.create_task(puller.run())
        await asyncio.sleep(0.3)
        await ensure_runner_consumer(bus, "local-1")
        await bus.publish(subjects.work("local-1", "exec_1"), b"{}", "one")
        assert (await asyncio.wait_for(came.get(), 30)).data == b"{}"
        running.cancel()
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.INFO, f"WORK: pulling again: {ABSENT}")
    ]
