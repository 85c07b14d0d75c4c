"""The janitor does all of its rounds, and survives what is away."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from domain.execution.job import Job
from services import janitor
from services.artifacts.local import PART_SECONDS_MAX, PARTS
from tests.fixtures.postgres import PostgresServer
from tests.gateway.conftest import ACCOUNT
from tests.services.janitor.conftest import House


async def _until(condition: object) -> None:
    async with asyncio.timeout(20):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 (files tell nobody)
            await asyncio.sleep(0.01)


async def test_what_an_upload_left_a_day_ago_is_gone_at_the_first_sweep(house: House) -> None:
    parts = house.gateway.parts.store.folder / ACCOUNT / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    old, fresh = parts / "old", parts / "fresh"
    for part in (old, fresh):
        part.write_bytes(b"half")
    long_ago = time.time() - PART_SECONDS_MAX - 60
    os.utime(old, (long_ago, long_ago))
    sweeping = asyncio.create_task(janitor.run(house.context()))
    await _until(lambda: not old.exists())
    assert fresh.exists() and not sweeping.done()
    sweeping.cancel()


async def test_a_round_expires_and_clears(house: House) -> None:
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = 31
    house.age()
    sweeping = asyncio.create_task(janitor.run(house.context()))
    await _until(lambda: not house.left())
    assert not sweeping.done()
    sweeping.cancel()


async def test_it_goes_on_when_postgres_is_back(
    house: House, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "SWEEP_SECONDS", 0.2)
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = 31
    house.age()
    postgres_server.kill()
    sweeping = asyncio.create_task(janitor.run(house.context()))
    await asyncio.sleep(0.5)
    assert house.left()
    postgres_server.start()
    await _until(lambda: not house.left())
    assert not sweeping.done()
    sweeping.cancel()
