"""Services on a real server: order, poison, absent servers, vanished consumers, clean stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from domain.account.commands import IssueKey, OpenAccount
from domain.account.events import AccountKeyIssued, AccountOpened
from domain.errors import Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.consumer import run_service
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Ref
from services.runtime.messages import LeftFact
from services.runtime.park import parked
from services.runtime.plain import to_json
from services.runtime.service import Service, Shell, Undeclared
from tests.fixtures.nats import NatsServer


@pytest.fixture
def shell(bus: Bus) -> Shell:
    return Shell(bus, Handler(JetStreamLog(bus)))


@contextlib.asynccontextmanager
async def running(service: Service, shell: Shell) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_service(service, shell, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            result = condition()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.02)


async def open_accounts(shell: Shell, *names: str) -> None:
    for name in names:
        await shell.handler.handle(Ref(name, "account", name), OpenAccount(name), command_id="open", actor="key:k")


def watcher(seen: list[Any], *consumes: type) -> Service:
    async def react(context: Any, item: Any) -> None:
        seen.append(item)

    return Service("watcher", consumes or (AccountOpened,), (), react)


async def test_a_service_gets_the_events_it_declares_and_no_others(shell: Shell) -> None:
    seen: list[Any] = []
    await open_accounts(shell, "a1")
    ref = Ref("a1", "account", "a1")
    await shell.handler.handle(ref, IssueKey("k", "00", ""), command_id="k", actor="key:k")
    async with running(watcher(seen), shell):
        await open_accounts(shell, "a2")
        await until(lambda: len(seen) == 2)
    assert [(item.event, item.ref.id, item.position) for item in seen] == [
        (AccountOpened("a1"), "a1", 1),
        (AccountOpened("a2"), "a2", 3),
    ]


async def test_events_of_one_aggregate_come_one_by_one_in_order_and_others_meanwhile(shell: Shell) -> None:
    seen: dict[str, list[str]] = {"a": [], "b": []}
    busy: dict[str, int] = {"a": 0, "b": 0}
    both = asyncio.Event()

    async def react(context: Any, item: Any) -> None:
        busy[item.ref.id] += 1
        assert busy[item.ref.id] == 1
        if all(busy.values()):
            both.set()
        await asyncio.sleep(0.002)
        seen[item.ref.id].append(item.event.key_id)
        busy[item.ref.id] -= 1

    for name in ("a", "b"):
        await open_accounts(shell, name)
        for number in range(30):
            command = IssueKey(f"k{number}", "00", "")
            await shell.handler.handle(Ref(name, "account", name), command, command_id=f"k{number}", actor="key:k")
    async with running(Service("watcher", (AccountKeyIssued,), (), react), shell):
        await until(lambda: len(seen["a"]) == len(seen["b"]) == 30)
    assert seen["a"] == seen["b"] == [f"k{number}" for number in range(30)]
    assert both.is_set()


async def test_a_poisonous_event_is_parked_after_five_tries_and_the_rest_goes_on(shell: Shell, bus: Bus) -> None:
    tries: list[str] = []

    async def react(context: Any, item: Any) -> None:
        tries.append(item.ref.id)
        if item.ref.id == "bad":
            raise KeyError("what is this")

    await open_accounts(shell, "bad", "good")
    async with running(Service("watcher", (AccountOpened,), (), react), shell):
        await until(lambda: shell_parked(bus))
    assert tries.count("bad") == 5
    assert tries.count("good") == 1
    (one,) = await parked(bus)
    assert (one.service, one.stream, one.position, one.deliveries) == ("watcher", "EVENTS", 1, 5)
    assert "what is this" in one.error
    assert "react" in one.traceback
    assert '"account.opened"' in one.payload


async def shell_parked(bus: Bus) -> bool:
    return len(await parked(bus)) > 0


async def test_rubbish_in_the_log_is_parked(shell: Shell, bus: Bus) -> None:
    seen: list[Any] = []
    await bus.publish("rgrid.ev.a.account.a.opened", b"{oops")
    async with running(watcher(seen), shell):
        await open_accounts(shell, "b")
        await until(lambda: shell_parked(bus))
    assert [item.ref.id for item in seen] == ["b"]


async def test_what_fails_for_want_of_a_server_is_tried_until_it_is_there(shell: Shell, bus: Bus) -> None:
    tries: list[str] = []

    async def react(context: Any, item: Any) -> None:
        tries.append(item.ref.id)
        if len(tries) < 6:
            raise Unavailable("Postgres is away") if len(tries) % 2 else ConnectionError("refused")

    await open_accounts(shell, "a")
    async with running(Service("watcher", (AccountOpened,), (), react), shell):
        await until(lambda: len(tries) == 6)
    assert await parked(bus) == []


async def test_nothing_is_lost_when_the_server_crashes(shell: Shell, nats_server: NatsServer) -> None:
    seen: list[Any] = []
    async with running(watcher(seen), shell):
        writing = asyncio.create_task(open_accounts(shell, *(f"a{number}" for number in range(60))))
        await asyncio.sleep(0.05)
        nats_server.kill()
        await asyncio.to_thread(nats_server.start)
        await writing
        await until(lambda: len({item.ref.id for item in seen}) == 60)


async def test_a_deleted_consumer_comes_back(shell: Shell, bus: Bus) -> None:
    seen: list[Any] = []
    async with running(watcher(seen), shell):
        await open_accounts(shell, "a")
        await until(lambda: len(seen) == 1)
        await bus.api("CONSUMER.DELETE.EVENTS.service-watcher")
        await open_accounts(shell, "b")
        await until(lambda: len(seen) == 2)
    assert [item.ref.id for item in seen] == ["a", "b"]


async def test_a_changed_declaration_changes_the_consumer(shell: Shell, bus: Bus) -> None:
    async with running(watcher([]), shell):
        await until(lambda: has_filters(bus, 1))
    async with running(watcher([], AccountOpened, AccountKeyIssued), shell):
        await until(lambda: has_filters(bus, 2))


async def has_filters(bus: Bus, count: int) -> bool:
    try:
        config = (await bus.api("CONSUMER.INFO.EVENTS.service-watcher"))["config"]
    except Unavailable:
        return False
    return len(config.get("filter_subjects", [config.get("filter_subject")])) == count


async def test_a_command_that_is_not_declared_stops_the_service(shell: Shell) -> None:
    async def react(context: Any, item: Any) -> None:
        await context.handle(item.ref, IssueKey("k", "00", ""))

    await open_accounts(shell, "a")
    with pytest.raises(Undeclared, match="sends IssueKey"):
        await asyncio.wait_for(run_service(Service("rogue", (AccountOpened,), (), react), shell, asyncio.Event()), 30)


async def test_a_reaction_that_is_repeated_adds_nothing(shell: Shell) -> None:
    async def react(context: Any, item: Any) -> None:
        await context.handle(item.ref, IssueKey("k", "00", ""))

    await open_accounts(shell, "a")
    service = Service("issuer", (AccountOpened,), (IssueKey,), react)
    async with running(service, shell):
        await until(lambda: positions(shell, 2))
    await shell.bus.api("CONSUMER.DELETE.EVENTS.service-issuer")
    async with running(service, shell):
        await until(lambda: acknowledged(shell.bus, "EVENTS", "issuer"))
    commits = (await shell.handler.log.load(Ref("a", "account", "a"))).commits
    assert [each.commit.cause for each in commits] == [0, 1]
    assert commits[1].commit.actor == "service:issuer"


async def positions(shell: Shell, count: int) -> bool:
    return await shell.handler.log.last_position() == count


async def acknowledged(bus: Bus, stream: str, service: str) -> bool:
    try:
        info = await bus.api(f"CONSUMER.INFO.{stream}.service-{service}")
    except Unavailable:
        return False
    return bool(info["num_pending"] == 0 and info["num_ack_pending"] == 0)


async def test_facts_come_with_the_node_that_said_them(shell: Shell, nats_server: NatsServer) -> None:
    seen: list[Any] = []
    node = await nats_server.connect_node("local-1")
    fact = LeftFact("inc")
    await node.publish(subjects.report("local-1", fact), to_json(fact), "f1")
    async with running(watcher(seen, LeftFact), shell):
        await until(lambda: len(seen) == 1)
        await until(lambda: acknowledged(shell.bus, "REPORTS", "watcher"))
    await node.close()
    assert (seen[0].fact, seen[0].node_id) == (fact, "local-1")
    assert (await shell.bus.api("STREAM.INFO.REPORTS"))["state"]["messages"] == 0


async def test_a_deleted_consumer_of_facts_comes_back(shell: Shell, nats_server: NatsServer) -> None:
    seen: list[Any] = []
    node = await nats_server.connect_node("local-1")

    async def report(life: str) -> None:
        fact = LeftFact(life)
        await node.publish(subjects.report("local-1", fact), to_json(fact), life)

    async with running(watcher(seen, LeftFact), shell):
        await report("first")
        await until(lambda: len(seen) == 1)
        await shell.bus.api("CONSUMER.DELETE.REPORTS.service-watcher")
        await report("second")
        await until(lambda: len(seen) == 2)
    await node.close()
    assert [item.fact.incarnation for item in seen] == ["first", "second"]


async def test_a_stop_finishes_what_is_in_work_and_hands_back_the_rest(shell: Shell) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    async def react(context: Any, item: Any) -> None:
        begun.set()
        await finish.wait()
        seen.append(item.event.key_id)

    await open_accounts(shell, "a")
    for number in range(2):
        command = IssueKey(f"k{number}", "00", "")
        await shell.handler.handle(Ref("a", "account", "a"), command, command_id=f"k{number}", actor="key:k")
    service = Service("slow", (AccountKeyIssued,), (), react)
    stop = asyncio.Event()
    task = asyncio.create_task(run_service(service, shell, stop))
    await begun.wait()
    stop.set()
    await asyncio.sleep(0.05)
    finish.set()
    await task
    assert seen == ["k0"]
    async with running(service, shell):
        await until(lambda: len(seen) == 2)
    assert seen == ["k0", "k1"]


async def test_a_loop_is_started_again_when_it_fails_and_ends_with_the_service(shell: Shell) -> None:
    starts: list[int] = []

    async def start(context: Any) -> None:
        starts.append(1)
        if len(starts) < 3:
            raise Unavailable("not yet")
        await asyncio.Event().wait()

    async with running(Service("clock", (), (), start=start), shell):
        await until(lambda: len(starts) == 3)


async def test_what_is_no_commit_is_parked_at_once_and_the_rest_goes_on(shell: Shell, bus: Bus) -> None:
    seen: list[Any] = []
    await bus.publish("rgrid.ev.a.account.a.opened", b'{"stream":"REPORTS","seq":1}')
    await open_accounts(shell, "b")
    async with running(watcher(seen), shell):
        await until(lambda: len(seen) == 1)
    assert seen[0].ref.id == "b"
    assert [(each.position, each.deliveries) for each in await parked(bus)] == [(1, 1)]


async def test_what_the_server_refuses_for_good_is_parked_and_holds_up_nobody(shell: Shell, bus: Bus) -> None:
    seen: list[Any] = []
    huge = await bus.api("STREAM.INFO.REPORTS")
    await bus.api("STREAM.UPDATE.REPORTS", {**huge["config"], "max_msg_size": 10})

    async def react(context: Any, item: Any) -> None:
        if item.ref.id == "bad":
            await bus.publish("rgrid.report.n.x.started", bytes(1000))
        seen.append(item.ref.id)

    await open_accounts(shell, "bad", "good")
    async with running(Service("watcher", (AccountOpened,), (), react), shell):
        await until(lambda: "good" in seen)

        async def given_up() -> bool:
            return [each.position for each in await parked(bus)] == [1]

        await until(given_up)
    assert seen == ["good"]
