"""Environments that nobody used for long go, with their archives; what was used, or is somebody's, stays."""

from __future__ import annotations

import time

from domain.environment.commands import InvalidateEnvironment, RecordBuild
from domain.environment.decider import environment_id, recipe_of
from domain.environment.events import EnvironmentInvalidated
from domain.execution.job import Environment, Job
from domain.files import FileRef
from domain.retention import DAY_US
from services.janitor.unused import prune
from services.runtime.log import Ref
from tests.gateway.conftest import ACCOUNT, NODE
from tests.services.janitor.conftest import END_US, House

TARGET = "cpython-3.11.7-linux-x86_64"


async def built(house: House, lock: FileRef, archive: str) -> Ref:
    """A node made it of that lock, now; its archive is the blob `archive`."""
    recipe = recipe_of(Environment("python", lock), TARGET)
    ref = Ref(ACCOUNT, "environment", environment_id(recipe))
    file = FileRef("environment.tar.zst", archive, 7)
    await house.gateway.projected(await house.gateway.command(ref, RecordBuild(recipe, NODE, 6, 100, 1200, file)))
    return ref


async def events(house: House, ref: Ref) -> list[object]:
    return [event for each in (await house.gateway.parts.log.load(ref)).commits for event in each.commit.events]


def days_from_now(house: House, days: float) -> None:
    """The clock of the log is the real one; that of the janitor is the house's."""
    house.days = (time.time_ns() // 1000 - END_US) / DAY_US + days


async def test_what_nobody_used_goes_with_its_archive(house: House) -> None:
    unused, archive = await house.file("unused"), await house.blob("packed")
    ref = await built(house, unused, archive)
    house.age()
    days_from_now(house, 29)
    assert await prune(house.context()) == 0
    days_from_now(house, 31)
    assert await prune(house.context()) == 1
    assert (await events(house, ref))[1:] == [EnvironmentInvalidated("janitor", pruned=True)]
    assert await prune(house.context()) == 0
    await house.clear()
    assert archive not in house.left()


async def test_the_archive_stays_as_long_as_it_is_good(house: House) -> None:
    archive = await house.blob("packed")
    ref = await built(house, await house.file("lock"), archive)
    house.age()
    await house.clear()
    assert archive in house.left()
    await house.gateway.projected(await house.gateway.command(ref, InvalidateEnvironment("key:1")))
    await house.clear()
    assert archive not in house.left()


async def test_one_that_was_used_lately_stays(house: House) -> None:
    lock = await house.file("lock")
    ref = await built(house, lock, await house.blob("packed"))
    await house.submit("exec_a", Job("python", await house.file("a.py"), environment=Environment("python", lock)))
    days_from_now(house, 29.99)
    assert await prune(house.context()) == 0
    assert len(await events(house, ref)) == 1
