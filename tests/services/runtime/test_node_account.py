"""A node's credentials: its work, its words and the answers to them, and no way into the log, not even by an answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.errors import Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.jetstream import JetStreamLog
from services.runtime.messages import UrlsGiven, UrlsWanted
from services.runtime.nodes import answer_urls
from services.runtime.plain import from_json, to_json
from services.runtime.pull import Pulled, Puller
from services.runtime.streams import ensure_runner_consumer
from tests.fixtures.nats import NatsServer

INTO_THE_LOG = "rgrid.ev.a.execution.exec_x.finished"
WANTED = UrlsWanted("a", "exec_x", 1, "download", ())


async def test_no_answer_to_a_node_gets_into_the_log(bus: Bus, nats_server: NatsServer) -> None:
    answering = asyncio.create_task(answer_urls(bus, _give))
    consumer = await ensure_runner_consumer(bus, "local-1")
    await bus.publish(subjects.work("local-1", "exec_x"), b"{}")
    node = await nats_server.connect_node("local-1")
    await _asked(node)
    for subject in (
        "rgrid.report.local-1.exec_x.started",
        subjects.log("local-1", "a", "exec_x"),
        subjects.lease("local-1"),
        subjects.ask_urls("local-1", "exec_x"),
        f"$JS.API.CONSUMER.MSG.NEXT.WORK.{consumer}",
        f"$JS.ACK.WORK.{consumer}.1.1.1.1.1",
    ):
        await node.send(subject, b"{}", reply=INTO_THE_LOG)
    assert (await _asked(node)).urls == {"sha": "url"}
    await _holds(bus, subjects.REPORTS, 1)
    await _holds(bus, subjects.LOGS, 1)
    assert await JetStreamLog(bus).last_position() == 0
    answering.cancel()
    await node.close()


async def test_a_node_works_across_the_border(bus: Bus, nats_server: NatsServer) -> None:
    consumer = await ensure_runner_consumer(bus, "local-1")
    node = await nats_server.connect_node("local-1")
    got: asyncio.Queue[Pulled] = asyncio.Queue()

    async def prepare() -> str:
        return consumer

    pulling = asyncio.create_task(Puller(node, subjects.WORK, prepare, got.put_nowait, lambda: 4).run())
    for number in range(10):
        await bus.publish(subjects.work("local-1", f"e{number}"), str(number).encode())
    async with asyncio.timeout(30):
        for number in range(10):
            pulled = await got.get()
            assert pulled.data == str(number).encode()
            await node.send(pulled.reply, b"+ACK")
    await _holds(bus, subjects.WORK, 0)
    for number in range(3):
        assert (
            await node.publish(subjects.log("local-1", "a", "e"), b"x", msg_id=f"m{min(number, 1)}")
            == min(number, 1) + 1
        )
    pulling.cancel()
    await node.close()


@pytest.mark.parametrize(
    "subject",
    [
        INTO_THE_LOG,
        "rgrid.report.local-2.exec_x.started",
        "rgrid.log.local-2.a.exec_x",
        "rgrid.lease.local-2",
        "rgrid.ask.local-2.exec_x.urls",
        "rgrid.work.local-1.exec_x",
        "$JS.API.STREAM.INFO.EVENTS",
        "$JS.API.CONSUMER.MSG.NEXT.WORK.runner-local-2",
    ],
)
async def test_a_node_may_say_no_others_words(bus: Bus, nats_server: NatsServer, subject: str) -> None:
    node = await nats_server.connect_node("local-1")
    with pytest.raises(Unavailable):
        await node.request(subject, b"{}", timeout=0.5)
    await node.close()


async def _give(node_id: str, wanted: UrlsWanted) -> UrlsGiven:
    return UrlsGiven({"sha": "url"})


async def _asked(node: Bus) -> UrlsGiven:
    async with asyncio.timeout(20):
        while True:
            try:
                answer = await node.request(subjects.ask_urls("local-1", "exec_x"), to_json(WANTED))
                return from_json(UrlsGiven, answer)
            except Unavailable:
                await asyncio.sleep(0.05)


async def _holds(bus: Bus, stream: str, count: int) -> None:
    async with asyncio.timeout(20):
        found = -1
        while found != count:
            found = (await bus.api(f"STREAM.INFO.{stream}"))["state"]["messages"]
            await asyncio.sleep(0.05)


async def test_a_request_that_breaks_the_porter_takes_nobody_elses_answer(bus: Bus, nats_server: NatsServer) -> None:
    async def fragile(node_id: str, wanted: UrlsWanted) -> UrlsGiven:
        if wanted.attempt == 13:
            raise KeyError("what is this")
        return await _give(node_id, wanted)

    answering = asyncio.create_task(answer_urls(bus, fragile))
    node = await nats_server.connect_node("local-1")
    await _asked(node)
    for data, error in ((to_json(replace(WANTED, attempt=13)), "INTERNAL"), (b"{oops", "INVALID_REQUEST")):
        answer = await node.request(subjects.ask_urls("local-1", "exec_x"), data)
        assert from_json(UrlsGiven, answer).error == error
    assert (await _asked(node)).urls == {"sha": "url"}
    answering.cancel()
    await node.close()
