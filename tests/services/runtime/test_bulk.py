"""Many decisions in one append: on the log in memory and on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from domain.account.commands import IssueKey, OpenAccount, RevokeKey
from domain.errors import Conflict, DamagedHistory, NotFound, Unavailable
from services.runtime import subjects
from services.runtime.bulk import Outcome, handle_all
from services.runtime.handle import Handled, Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Commit, EventLog, Ref
from services.runtime.memory import MemoryLog
from services.runtime.orders import Folded, Order
from services.runtime.streams import apply_streams
from tests.fixtures.nats import NatsServer

COUNT = 1300


@pytest.fixture(params=["memory", "jetstream"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        yield MemoryLog()
        return
    server: NatsServer = request.getfixturevalue("nats_server")
    bus = await server.connect()
    await apply_streams(bus)
    yield JetStreamLog(bus)
    await bus.close()


def ref(number: int) -> Ref:
    return Ref("a", "account", f"a{number}")


def order(number: int, *commands: Any, command_id: str = "c", **how: Any) -> Order:
    return Order(ref(number), commands or (OpenAccount("x"), IssueKey("k", "00", "")), command_id, **how)


async def send(handler: Handler, orders: Sequence[Order]) -> list[Outcome]:
    return await handle_all(handler, orders, actor="key:k", cause=7, now_us=5)


def written(outcomes: Sequence[Outcome]) -> int:
    return sum(len(each.events) for each in outcomes if isinstance(each, Handled))


async def commits(log: EventLog) -> list[Commit]:
    return [recorded.commit async for page in log.read() for recorded in page]


async def test_all_are_written_in_their_order_each_in_one_commit(log: EventLog) -> None:
    outcomes = await send(Handler(log), [order(number, new=True) for number in range(COUNT)])
    assert written(outcomes) == 2 * COUNT
    stored = await commits(log)
    assert [each.ref for each in stored] == [ref(number) for number in range(COUNT)]
    assert {(len(each.events), each.cause, each.at_us, each.actor) for each in stored} == {(2, 7, 5, "key:k")}


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("forgetful", [True, False])
async def test_a_repeat_adds_nothing(log: EventLog, new: bool, forgetful: bool) -> None:
    handler = Handler(log)
    orders = [order(number, new=new) for number in range(60)]
    await send(handler, orders)
    await send(Handler(log) if forgetful else handler, orders)
    assert await log.last_position() == 60


async def test_two_who_write_the_same_write_it_once(log: EventLog) -> None:
    orders = [order(number, new=True) for number in range(300)]
    await asyncio.gather(*(send(Handler(log), orders) for _ in range(2)))
    assert sorted(each.ref.id for each in await commits(log)) == sorted(each.ref.id for each in orders)


async def test_one_that_moved_meanwhile_is_decided_on_anew_and_holds_up_nobody(log: EventLog) -> None:
    handler, other = Handler(log), Handler(log)
    await send(handler, [order(number) for number in range(100)])
    for number in (0, 57, 99):
        await other.handle(ref(number), RevokeKey("k"), command_id="r", actor="key:k")
    again = [order(number, RevokeKey("k"), IssueKey("l", "00", ""), command_id="d") for number in range(100)]
    outcomes = await send(handler, again)
    assert [len(each.events) for each in outcomes if isinstance(each, Handled)].count(2) == 97
    assert written(outcomes) == 197
    assert await log.last_position() == 203


async def test_that_there_is_nothing_to_do_is_asked_of_the_log(log: EventLog) -> None:
    handler, other = Handler(log), Handler(log)
    await send(handler, [order(number) for number in range(3)])
    await other.handle(ref(1), IssueKey("l", "00", ""), command_id="r", actor="key:k")

    def has_two(known: Folded) -> bool:
        return len(known.state.keys) == 2

    outcomes = await send(handler, [order(n, RevokeKey("k"), command_id="d", when=has_two) for n in range(3)])
    assert [len(each.events) for each in outcomes if isinstance(each, Handled)] == [0, 1, 0]


async def test_a_refusal_is_an_outcome_and_stops_no_other(log: EventLog) -> None:
    outcomes = await send(
        Handler(log), [order(0), order(1, RevokeKey("k")), order(2), order(3, RevokeKey("k"), new=True)]
    )
    assert [type(each) for each in outcomes] == [Handled, NotFound, Handled, NotFound]
    assert written(outcomes) == 4


async def test_a_damaged_history_stops_no_other(bus: Any) -> None:
    log = JetStreamLog(bus)
    await bus.publish(f"{subjects.aggregate_prefix(ref(1))}.opened", b"{}")
    outcomes = await send(Handler(log), [order(number, new=number == 2) for number in range(3)])
    assert [type(each) for each in outcomes] == [Handled, DamagedHistory, Handled]


async def test_without_a_server_nobody_knows_and_nothing_is_remembered(nats_server: NatsServer, bus: Any) -> None:
    handler = Handler(JetStreamLog(bus, retry_seconds_max=0.3))
    orders = [order(number, new=True) for number in range(20)]
    nats_server.kill()
    with pytest.raises(Unavailable):
        await send(handler, orders)
    await asyncio.to_thread(nats_server.start)
    patient = Handler(JetStreamLog(bus))
    assert written(await send(patient, orders)) == 40
    assert await patient.log.last_position() == 20


async def test_many_batches_at_once_are_not_refused(bus: Any) -> None:
    """The server takes 50 atomic batches at a time."""
    handler = Handler(JetStreamLog(bus))
    await asyncio.gather(*(send(handler, [order(n, new=True) for n in range(i, i + 10)]) for i in range(0, 1000, 10)))
    assert await handler.log.last_position() == 1000


async def test_one_that_never_stands_still_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()

    async def taken(*_: object) -> list[int]:
        raise Conflict("Somebody was faster.")

    monkeypatch.setattr(log, "append_all", taken)
    monkeypatch.setattr(log, "append", taken)
    with pytest.raises(Conflict):
        await send(Handler(log), [order(0), order(1)])
