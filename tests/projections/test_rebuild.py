"""Blue and green: readers never notice a swap, and a check names the rows that are not what the log says."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import DamagedHistory, NotFound, WrongState
from projections.check import check
from projections.database import Database
from projections.queries import Queries
from projections.rebuild import alone, rebuild
from projections.store import Projector
from tests.projections.histories import ListLog, lifecycles


async def test_reads_and_writes_go_on_during_swaps(database: Database, queries: Queries, projector: Projector) -> None:
    log = lifecycles(400)
    await projector.apply(log[:700])
    reads = 0
    done = asyncio.Event()

    async def read() -> None:
        nonlocal reads
        while not done.is_set():
            await queries.get_execution("local", "exec_000000000001")
            assert len((await queries.list_executions("local", limit=20)).items) == 20
            await queries.bills("local", "script")
            reads += 1

    async def write() -> None:
        for start in range(700, len(log), 10):
            await projector.apply(log[start : start + 10])

    readers = [asyncio.create_task(read()) for _ in range(4)]
    writer = asyncio.create_task(write())
    for _ in range(4):
        await rebuild(database, ListLog(log))
    await writer
    done.set()
    await asyncio.gather(*readers)
    assert reads > 0
    checked = await check(database, ListLog(log))
    assert (checked.position, checked.differences) == (len(log), [])


async def test_a_check_names_what_differs(database: Database, projector: Projector) -> None:
    log = lifecycles(3)
    await projector.apply(log)
    async with database.connection() as connection:
        await connection.execute("UPDATE live.executions SET status = 'failed' WHERE id = 'exec_000000000000'")
        await connection.execute("DELETE FROM live.executions WHERE id = 'exec_000000000001'")
        await connection.execute("INSERT INTO live.blobs VALUES ('local', 'zz', 1)")
    changed, missing, extra = (await check(database, ListLog(log))).differences
    assert (changed.table, changed.key, changed.live) == (
        "executions", ("local", "exec_000000000000"), {"status": "failed"},
    )  # fmt: skip
    assert changed.rebuilt == {"status": "succeeded"}
    assert (missing.key, missing.live) == (("local", "exec_000000000001"), None)
    assert (extra.table, extra.key, extra.rebuilt) == ("blobs", ("local", "zz"), None)
    assert await database.fetch("SELECT 1 FROM pg_namespace WHERE nspname = 'scratch'") == []
    await rebuild(database, ListLog(log))
    assert not (await check(database, ListLog(log))).differences


async def test_after_a_rebuild_the_projector_forgets_what_it_remembered(
    database: Database, queries: Queries, projector: Projector
) -> None:
    log = lifecycles(2)
    await projector.apply(log[:4])
    async with database.connection() as connection:
        await connection.execute("UPDATE live.executions SET project = 'damaged'")
    await projector.apply(log[:5])
    await rebuild(database, ListLog(log[:5]))
    await projector.apply(log)
    assert not (await check(database, ListLog(log))).differences


async def test_a_check_needs_read_models_and_the_whole_log(database: Database, projector: Projector) -> None:
    log = lifecycles(2)
    await projector.apply(log)
    with pytest.raises(DamagedHistory):
        await check(database, ListLog(log[:3]))
    async with database.connection() as connection:
        await connection.execute("DROP SCHEMA live CASCADE")
    with pytest.raises(NotFound):
        await check(database, ListLog(log))


async def test_one_rebuild_at_a_time(database: Database) -> None:
    async with alone(database):
        with pytest.raises(WrongState):
            await rebuild(database, ListLog([]))
