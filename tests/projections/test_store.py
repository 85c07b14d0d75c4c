"""Laws of the store: whatever the batches, whatever is repeated, the rows are those of the log."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.cost.events import CostFinalized
from domain.errors import DamagedHistory
from projections import tables
from projections.check import check
from projections.database import Database
from projections.folding import Poison
from projections.queries import Queries
from projections.rebuild import rebuild
from projections.store import Gap, Projector
from tests.projections.conftest import no_poison
from tests.projections.histories import ListLog, lifecycles
from tests.projections.random_world import history


async def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: [
            tuple(row)
            for row in await database.fetch(
                f"SELECT {', '.join(table.names)} FROM live.{table.name} ORDER BY {', '.join(table.key)}"
            )
        ]
        for table in tables.TABLES
    }


def batches(log: list, chooser: random.Random) -> list[list]:
    """Small batches in order, some of them going over old ground again."""
    cut: list[list] = []
    at = 0
    while at < len(log):
        size = chooser.randrange(1, 8)
        back = chooser.randrange(12) if chooser.random() < 0.3 else 0
        cut.append(log[max(0, at - back) : at + size])
        at += size
    return cut


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_live_in_small_batches_equals_rebuilt(postgres_server, seed: int) -> None:
    dsn = postgres_server.create_database()

    async def run() -> None:
        log = history(seed)
        async with Database(dsn) as database:
            chooser = random.Random(seed)
            projector = Projector(database, no_poison)
            for batch in batches(log, chooser):
                if chooser.random() < 0.1:
                    projector = Projector(database, no_poison)
                assert await projector.apply(batch) == batch[-1].position
            live = await rows(database)
            assert not (await check(database, ListLog(log))).differences
            built = await rebuild(database, ListLog(log))
            assert (built.position, built.poisons) == (len(log), [])
            assert await rows(database) == live

    try:
        asyncio.run(run())
    finally:
        postgres_server.drop_database(dsn)


async def test_sums_of_charges_are_those_of_the_log(database, projector, queries: Queries) -> None:
    log = history(seed=7, steps=900)
    await projector.apply(log)
    for account in ("local", "other"):
        charged = sum(
            event.charged_micros
            for recorded in log
            if recorded.commit.ref.account == account
            for event in recorded.commit.events
            if isinstance(event, CostFinalized)
        )
        assert charged > 0
        for by in ("total", "day", "project", "script", "tag", "tag:k"):
            assert sum(bill.charged_micros for bill in (await queries.bills(account, by)).groups) == charged


async def test_two_projectors_at_once_apply_everything_once(database: Database) -> None:
    log = lifecycles(60)
    one, two = Projector(database, no_poison), Projector(database, no_poison)
    await one.prepare()

    async def feed(projector: Projector, size: int) -> None:
        for start in range(0, len(log), size):
            await projector.apply(log[start : start + size])

    await asyncio.gather(feed(one, 3), feed(two, 5))
    assert not (await check(database, ListLog(log))).differences


async def test_a_gap_is_refused(database: Database, projector: Projector) -> None:
    log = lifecycles(2)
    await projector.apply(log[:3])
    with pytest.raises(Gap) as gap:
        await projector.apply(log[5:])
    assert gap.value.position == 3


async def test_poison_is_handed_over_and_the_rest_goes_on(database: Database, queries: Queries) -> None:
    log = lifecycles(2)
    orphan = log[3].commit.ref._replace(id="exec_zzzzzzzzzzzz")
    log[3] = replace(log[3], commit=replace(log[3].commit, ref=orphan))
    parked: list[Poison] = []

    async def park(poison: Poison) -> None:
        parked.append(poison)

    assert await Projector(database, park).apply(log) == len(log)
    assert [(poison.recorded.position, type(poison.error)) for poison in parked] == [(4, DamagedHistory)]
    assert b'"succeeded"' in await queries.get_execution("local", "exec_000000000001")


async def test_a_batch_whose_poison_cannot_be_parked_is_not_applied(database: Database, queries: Queries) -> None:
    log = lifecycles(1)[1:]
    log = [replace(recorded, position=number) for number, recorded in enumerate(log, 1)]

    async def refuse(_poison: Poison) -> None:
        raise OSError("nowhere to put it")

    projector = Projector(database, refuse)
    await projector.prepare()
    with pytest.raises(Exception):  # noqa: B017
        await projector.apply(log)
    assert await queries.position() == 0
