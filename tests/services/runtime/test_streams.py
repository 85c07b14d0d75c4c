"""Streams are applied without wiping anything, and nobody may do what is not theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domain.account.events import AccountOpened
from domain.errors import Invalid, Unavailable
from domain.execution.events import ExecutionAttemptFailed
from services.runtime import subjects
from services.runtime.bus import ApiError, Bus
from services.runtime.connection import check_version, connect
from services.runtime.log import Ref
from services.runtime.messages import StartedFact
from services.runtime.pull import Puller
from services.runtime.server_config import render
from services.runtime.streams import apply_streams, declared_streams, ensure_runner_consumer
from tests.fixtures.nats import NatsServer


def test_subjects_are_derived_from_classes() -> None:
    ref = Ref("local", "execution", "exec_x")
    assert subjects.commit(ref, ExecutionAttemptFailed) == "rgrid.ev.local.execution.exec_x.attempt_failed"
    assert subjects.event_filter(AccountOpened) == "rgrid.ev.*.account.*.opened"
    assert subjects.report("n1", StartedFact("a", "e", 1, 0, "")) == "rgrid.report.n1.e.started"
    assert subjects.ref_of(subjects.commit(ref, ExecutionAttemptFailed)) == ref


@pytest.mark.parametrize("text", ["", "a.b", "*", ">", "a b", "x" * 65])
def test_no_wildcard_gets_into_a_subject(text: str) -> None:
    with pytest.raises(ValueError):
        subjects.aggregate(Ref("local", "execution", text))


async def test_applying_twice_changes_nothing(bus: Bus) -> None:
    assert await apply_streams(bus) == []


async def test_applying_mends_what_is_declared_and_leaves_what_is_not(bus: Bus) -> None:
    await bus.publish("rgrid.ev.a.account.a.opened", b"{}")
    config = (await bus.api("STREAM.INFO.EVENTS"))["config"]
    changed = {**config, "duplicate_window": 10**9, "metadata": {**config["metadata"], "mine": "yes"}}
    await bus.api("STREAM.UPDATE.EVENTS", changed)
    assert await apply_streams(bus) == ["updated EVENTS"]
    info = await bus.api("STREAM.INFO.EVENTS")
    assert info["config"]["duplicate_window"] == 600 * 10**9
    assert info["config"]["metadata"]["mine"] == "yes"
    assert info["state"]["messages"] == 1


def test_the_log_is_declared_for_ever() -> None:
    (events,) = [each for each in declared_streams() if each["name"] == "EVENTS"]
    assert events["deny_delete"] and events["deny_purge"] and events["discard"] == "new"
    assert not {"max_age", "max_bytes", "max_msgs"} & events.keys()


async def test_not_even_the_control_plane_can_end_the_log(bus: Bus) -> None:
    await bus.publish("rgrid.ev.a.account.a.opened", b"{}")
    calls = [bus.api(call) for call in ("STREAM.DELETE.EVENTS", "STREAM.PURGE.EVENTS")]
    for refused in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(refused, Unavailable)
    assert (await bus.api("STREAM.INFO.EVENTS"))["state"]["messages"] == 1


async def test_a_log_chunk_is_kept_and_comes_live(bus: Bus) -> None:
    live: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def heard(message: object) -> None:
        live.put_nowait((message.subject, message.data))  # type: ignore[attr-defined]

    await bus.subscribe(subjects.live("acct", "exec_1"), heard)
    await bus.publish(subjects.log("local-1", "acct", "exec_1"), b"x")
    async with asyncio.timeout(20):
        assert await live.get() == ("rgrid.live.acct.exec_1.local-1", b"x")


async def test_a_node_takes_its_own_work_and_says_only_its_own_words(bus: Bus, nats_server: NatsServer) -> None:
    name = await ensure_runner_consumer(bus, "local-1")
    assert await ensure_runner_consumer(bus, "local-1") == name
    node = await nats_server.connect_node("local-1")
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def prepare() -> str:
        return name

    puller = Puller(node, subjects.WORK, prepare, lambda pulled: got.put_nowait(pulled.data), lambda: 4)
    pulling = asyncio.create_task(puller.run())
    await bus.publish(subjects.work("local-2", "e"), b"not mine")
    await bus.publish(subjects.work("local-1", "e"), b"mine")
    async with asyncio.timeout(20):
        assert await got.get() == b"mine"
    pulling.cancel()
    others = (subjects.log("local-2", "a", "e"), "rgrid.ev.a.account.a.opened", subjects.lease("local-2"))
    said = [node.publish(subject, b"forged") for subject in others]
    for refused in await asyncio.gather(*said, return_exceptions=True):
        assert isinstance(refused, Unavailable)
    await node.publish(subjects.lease("local-1"), b"{}")
    await node.close()


async def test_what_nobody_answers_is_unavailable(bus: Bus) -> None:
    with pytest.raises(Unavailable, match=r"Nobody listens on rgrid\.ask"):
        await bus.request(subjects.ask_urls("local-1", "e"))


async def test_a_message_that_is_too_large_is_refused_by_name(bus: Bus) -> None:
    with pytest.raises(Invalid) as caught:
        await bus.publish("rgrid.log.a.b.c", bytes(9_000_000))
    assert caught.value.code == "TOO_LARGE"


async def test_an_error_of_the_server_carries_its_number(bus: Bus) -> None:
    with pytest.raises(ApiError) as caught:
        await bus.api("STREAM.INFO.NOPE")
    assert caught.value.err_code == 10059


async def test_a_wrong_password_is_said(nats_server: NatsServer) -> None:
    with pytest.raises(Unavailable, match=r"(?i)authorization"):
        await connect(nats_server.url, "control", "wrong", wait_seconds=1)


async def test_a_server_that_comes_later_is_waited_for(nats_server: NatsServer) -> None:
    nats_server.stop()
    connecting = asyncio.create_task(connect(nats_server.url, nats_server.user, nats_server.password))
    await asyncio.sleep(0.5)
    assert not connecting.done()
    await asyncio.to_thread(nats_server.start)
    async with asyncio.timeout(20):
        bus = await connecting
    assert bus.connected
    await bus.close()


@pytest.mark.parametrize("version", ["2.9.10", "2.13.4", ""])
def test_an_old_server_is_refused_by_name(version: str) -> None:
    with pytest.raises(Invalid, match=r"is too old; rgrid needs 2\.14 or newer") as caught:
        check_version(version)
    assert version in caught.value.message


@pytest.mark.parametrize("version", ["2.14.0", "2.15.1", "2.15.0-RC.1", "3.0.0"])
def test_a_new_server_is_good(version: str) -> None:
    check_version(version)


def test_paths_and_passwords_are_quoted() -> None:
    odd = Path('/x y/"z"')
    text = render(store_dir=odd, pid_file=odd, control_password='a"b', node_passwords={})
    assert r'store_dir: "/x y/\"z\""' in text
    assert r'password: "a\"b"' in text
