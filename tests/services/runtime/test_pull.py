"""Standing pulls on a real server: while their consumer is not there yet, and when a delivery is lost on its way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.client import Message
from services.runtime.follow import follow_stream
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
        async with asyncio.timeout(30):
            while not caplog.records:  # noqa: ASYNC110 (a list)
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # it is still absent, which is not said again
        await ensure_runner_consumer(bus, "local-1")
        await bus.publish(subjects.work("local-1", "exec_1"), b"{}", "one")
        assert (await asyncio.wait_for(came.get(), 30)).data == b"{}"
        running.cancel()
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.INFO, f"WORK: pulling again: {ABSENT}")
    ]


async def test_a_swallowed_delivery_leaves_no_gap(bus: Bus, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    swallowed: list[int] = []
    answered = Puller._answered

    def lossy(self: Puller, message: Message) -> None:
        if message.data == b"3" and not swallowed:
            swallowed.append(3)
            return
        answered(self, message)

    monkeypatch.setattr(Puller, "_answered", lossy)
    for number in range(1, 8):
        await bus.publish("rgrid.parked.test", str(number).encode())
    found: list[bytes] = []
    async for batch in follow_stream(bus, subjects.PARKED, subjects.ALL_PARKED, 0):
        found += [pulled.data for pulled in batch]
        if len(found) >= 7:
            break
    assert swallowed == [3]
    assert found == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
