"""F15: what nobody can read is put aside, `rgrid doctor` shows it, and everything else goes on."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
from collections.abc import Awaitable, Callable

import pytest

from services.runtime.bus import Bus
from tests.faults.client import Client
from tests.faults.inside import control, doctor, node
from tests.faults.scripts import SLEEPER, WORK, begin, run_to_end
from tests.fixtures.grid import GridUnderTest

PARKED_SECONDS_MAX = 30


async def unknown_type(grid: GridUnderTest, bus: Bus) -> None:
    """An event that a newer version wrote."""
    event = {"type": "execution.teleported", "v": 1, "data": {}}
    await commit(bus, "rgrid.ev.local.execution.exec_poison.teleported", event)


async def unknown_shape(grid: GridUnderTest, bus: Bus) -> None:
    """A known event whose content makes no sense where it stands: a start of what was never submitted."""
    data = {"attempt": 1, "node_id": "local-1", "started_at_us": 1, "sandbox": "none"}
    event = {"type": "execution.started", "v": 1, "data": data}
    await commit(bus, "rgrid.ev.local.execution.exec_early.started", event)


async def rubbish_report(grid: GridUnderTest, bus: Bus) -> None:
    """A node that went mad: a fact that does not read."""
    async with node(grid) as mad:
        await mad.publish("rgrid.report.local-1.exec_poison.finished", b"\x00rubbish")


async def commit(bus: Bus, subject: str, event: dict[str, object], previous: int = 0) -> None:
    whole = {"v": 1, "id": "poison", "prev": previous, "at_us": 1, "actor": "test", "cause": 0, "events": [event]}
    await bus.publish(subject, json.dumps(whole).encode())


@pytest.mark.parametrize("poison", [unknown_type, unknown_shape, rubbish_report])
async def test_poison_is_parked_and_the_rest_goes_on(
    grid: GridUnderTest, poison: Callable[[GridUnderTest, Bus], Awaitable[None]]
) -> None:
    async with control(grid) as bus:
        await poison(grid, bus)
    until = time.monotonic() + PARKED_SECONDS_MAX
    while (found := await asyncio.to_thread(doctor, grid))["parked"]["state"] == "ok":
        assert time.monotonic() < until, grid.log("services")
        await asyncio.sleep(0.2)
    assert found["parked"]["state"] == "fail"
    assert "parked" in found["parked"]["message"] and found["parked"]["fix"]
    for _ in range(2):
        doc = await asyncio.to_thread(run_to_end, Client(grid), WORK)
        assert doc["status"] == "succeeded"
    assert "Traceback" not in grid.log("services")
    restarted = await asyncio.to_thread(grid.kill, "services")
    assert restarted
    assert (await asyncio.to_thread(run_to_end, Client(grid), WORK))["status"] == "succeeded"


async def test_an_open_execution_that_cannot_be_read_holds_up_nobody_else(grid: GridUnderTest) -> None:
    """A newer version wrote into the history of one that runs; then the services start anew."""
    client, id = await asyncio.to_thread(begin, grid, SLEEPER)
    last = (await asyncio.to_thread(client.events, id))[-1]["sequence"]
    async with control(grid) as bus:
        event = {"type": "execution.teleported", "v": 1, "data": {}}
        await commit(bus, f"rgrid.ev.local.execution.{id}.teleported", event, last)
    await asyncio.to_thread(grid.kill, "services")
    for number in range(3):
        assert (await asyncio.to_thread(run_to_end, client, WORK, args=[str(number)]))["status"] == "succeeded"
    with pytest.raises(urllib.error.HTTPError) as refused:
        client.call("POST", f"/executions/{id}/cancel", {})
    assert refused.value.code == 500 and b"DAMAGED_HISTORY" in refused.value.read()
