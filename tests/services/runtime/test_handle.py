"""The handler: repeats, conflicts, its cache and when it is not believed."""

from __future__ import annotations

import asyncio

import pytest

from domain.account.commands import IssueKey, OpenAccount, RevokeKey
from domain.account.events import AccountOpened
from domain.errors import NotFound
from domain.execution.commands import CancelExecution
from services.runtime.handle import Handler
from services.runtime.log import Commit, History, Recorded, Ref
from services.runtime.memory import MemoryLog

REF = Ref("a", "account", "a")


class CountingLog(MemoryLog):
    """Counts loads."""

    loads = 0

    async def load(self, ref: Ref) -> History:
        self.loads += 1
        return await super().load(ref)


async def send(handler: Handler, command: object, command_id: str) -> tuple[int, int]:
    handled = await handler.handle(REF, command, command_id=command_id, actor="key:k", now_us=5)
    return len(handled.events), handled.position


async def test_a_command_becomes_events_and_its_repeat_none() -> None:
    handler = Handler(MemoryLog())
    assert await send(handler, OpenAccount("x"), "c1") == (1, 1)
    assert await send(handler, OpenAccount("x"), "c1") == (0, 1)


async def test_a_refusal_comes_out() -> None:
    with pytest.raises(NotFound):
        await send(Handler(MemoryLog()), IssueKey("k", "00", ""), "c1")


async def test_a_warm_cache_saves_the_load() -> None:
    log = CountingLog()
    handler = Handler(log)
    await send(handler, OpenAccount("x"), "c1")
    await send(handler, IssueKey("k", "00", ""), "c2")
    await send(handler, RevokeKey("k"), "c3")
    assert log.loads == 1


async def test_a_stale_cache_costs_a_conflict_and_no_more() -> None:
    log = MemoryLog()
    one, other = Handler(log), Handler(log)
    await send(one, OpenAccount("x"), "c1")
    await send(other, IssueKey("k", "00", ""), "c2")
    assert await send(one, IssueKey("l", "00", ""), "c3") == (1, 3)


async def test_a_refusal_out_of_a_stale_cache_is_not_believed() -> None:
    log = MemoryLog()
    one, other = Handler(log), Handler(log)
    await send(one, OpenAccount("x"), "c1")
    await send(other, IssueKey("k", "00", ""), "c2")
    assert await send(one, RevokeKey("k"), "c3") == (1, 3)


async def test_many_at_once_all_get_through() -> None:
    handler = Handler(MemoryLog())
    await send(handler, OpenAccount("x"), "open")
    await asyncio.gather(*(send(handler, IssueKey(f"k{n}", "00", ""), f"c{n}") for n in range(15)))
    state, position = await handler.state(REF)
    assert (len(state.keys), position) == (15, 16)


async def test_commits_that_come_by_warm_the_cache() -> None:
    log = CountingLog()
    await send(Handler(log), OpenAccount("x"), "c1")
    loads = log.loads
    handler = Handler(log)
    async for batch in log.read():
        for recorded in batch:
            handler.observe(recorded)
    assert await send(handler, IssueKey("k", "00", ""), "c2") == (1, 2)
    assert log.loads == loads


async def test_a_gap_in_what_comes_by_empties_the_cache() -> None:
    log = CountingLog()
    handler = Handler(log)
    await send(handler, OpenAccount("x"), "c1")
    loads = log.loads
    handler.observe(Recorded(9, 8, Commit(REF, "c9", 1, "x", (AccountOpened("y"),))))
    await send(handler, IssueKey("k", "00", ""), "c2")
    assert log.loads > loads


async def test_the_cache_is_bounded() -> None:
    handler = Handler(MemoryLog(), cache_entries_max=3)
    for number in range(9):
        ref = Ref("a", "account", f"a{number}")
        await handler.handle(ref, OpenAccount("x"), command_id="c", actor="x")
    assert len(handler._cache) == 3


async def test_what_does_not_exist_is_not_cached() -> None:
    handler = Handler(MemoryLog())
    with pytest.raises(NotFound):
        await handler.handle(Ref("a", "execution", "e"), CancelExecution("x", 1), command_id="c", actor="x")
    assert not handler._cache


async def test_of_two_with_one_command_id_the_loser_does_not_believe_itself() -> None:
    log = MemoryLog()
    one, other = Handler(log), Handler(log)
    await send(one, OpenAccount("x"), "c1")
    await other.state(REF)
    await send(one, IssueKey("k", "11", ""), "same")
    handled = await other.handle(REF, IssueKey("l", "22", ""), command_id="same", actor="key:k")
    assert handled.events == ()
    assert handled.state.keys == {"k": "11"}


async def test_the_cache_is_bounded_by_what_its_entries_hold() -> None:
    handler = Handler(MemoryLog(), cache_weight_max=50)
    for number in range(40):
        ref = Ref("a", "account", f"a{number % 8}")
        command = OpenAccount("x") if number < 8 else IssueKey(f"k{number}", "00", "")
        await handler.handle(ref, command, command_id=f"c{number}", actor="x")
    assert 0 < handler._weight == sum(each.weight for each in handler._cache.values()) <= 50
