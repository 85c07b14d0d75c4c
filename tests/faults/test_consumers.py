"""F7: consumers are deleted and set back to the beginning while work flows: nothing is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections import Counter

from services.runtime import subjects
from services.runtime.bus import Bus
from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.inside import control
from tests.faults.scripts import WORK
from tests.fixtures.grid import GridUnderTest

ROUNDS = 3
EACH = 8


DURABLE = {
    (subjects.EVENTS, "service-foreman"),
    (subjects.EVENTS, "service-meter"),
    (subjects.EVENTS, "service-resolver"),
    (subjects.REPORTS, "service-foreman"),
    (subjects.WORK, "runner-local-1"),
}
BACK_SECONDS_MAX = 60


async def there(bus: Bus) -> set[tuple[str, str]]:
    """(stream, consumer) of those in DURABLE that exist now."""
    found = set()
    for stream in (subjects.EVENTS, subjects.REPORTS, subjects.WORK):
        names = (await bus.api(f"CONSUMER.NAMES.{stream}", {}))["consumers"]
        found |= {(stream, name) for name in names} & DURABLE
    return found


async def flow(grid: GridUnderTest, verb: str) -> None:
    """Submit in rounds, `verb` every consumer in the middle of each. Everything ends well, once."""
    client = Client(grid)
    await asyncio.to_thread(client.upload, WORK)
    ids: list[str] = []
    async with control(grid) as bus:
        assert await there(bus) == DURABLE
        for number in range(ROUNDS):
            ids += [
                await asyncio.to_thread(client.submit, WORK, f"{verb}-{number}-{each}", args=[f"{number}.{each}"])
                for each in range(EACH)
            ]
            for stream, name in await there(bus):
                await bus.api(f"CONSUMER.{verb}.{stream}.{name}")
            await asyncio.sleep(0.5)
        docs = [await asyncio.to_thread(client.ended, id, 60) for id in ids]
        async with asyncio.timeout(BACK_SECONDS_MAX):
            while True:
                if await there(bus) == DURABLE:
                    break
                await asyncio.sleep(0.2)
    assert Counter(doc["status"] for doc in docs) == {"succeeded": ROUNDS * EACH}
    for doc in docs:
        check_history(client.events(doc["id"]))
        assert doc["attempt"] == 1


async def test_deleted_consumers_come_back(shared_grid: GridUnderTest) -> None:
    await flow(shared_grid, "DELETE")


async def test_consumers_set_back_to_the_beginning_repeat_nothing(shared_grid: GridUnderTest) -> None:
    await flow(shared_grid, "RESET")
