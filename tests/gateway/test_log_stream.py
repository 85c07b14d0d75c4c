"""The live log: every chunk once and in order, whatever happens in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import websockets

from services.runner.logs.spool import Spool
from services.runtime import subjects
from services.runtime.log_frames import framed
from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import ACCOUNT, GatewayUnderTest, chunk_payload, collect, take

Chunks = list[tuple[int, int, bytes]]


def numbers(chunks: Chunks, attempt: int = 1) -> list[int]:
    return [number for at, number, _ in chunks if at == attempt]


async def test_a_socket_opened_right_after_submit_gets_everything(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.assign(execution)
        await gateway.print_many(execution, 1, 50)
        await gateway.finish(execution, 50)
        words, chunks = await reading
    assert numbers(chunks) == list(range(1, 51))
    assert chunks[6][2] == b"line 7\n"
    assert [word["type"] for word in words][:2] == ["hello", "state"]
    statuses = [word["status"] for word in words if word["type"] == "state"]
    assert statuses == ["queued", "queued", "provisioning", "running", "succeeded"]
    assert words[-1]["type"] == "end" and words[-1]["log"]["chunks"] == 50
    assert socket.close_code == 1000


async def test_what_was_printed_before_comes_first(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print_many(execution, 1, 30)
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.print_many(execution, 31, 60)
        await gateway.finish(execution, 60)
        _, chunks = await reading
    assert numbers(chunks) == list(range(1, 61))


@pytest.mark.parametrize("after", [0, 1, 7, 299, 300, 599, 600])
async def test_resuming_at_any_cursor_gives_exactly_the_rest(gateway: GatewayUnderTest, after: int) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print_many(execution, 1, 600)
    await gateway.finish(execution, 600)
    async with gateway.stream(execution, f"?attempt=1&after_chunk={after}") as socket:
        words, chunks = await collect(socket)
    assert numbers(chunks) == list(range(after + 1, 601))
    assert words[-1]["type"] == "end"


async def test_chunks_that_were_published_twice_or_late_come_once_and_in_order(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    order = [1, 2, 5, 6, 3, 4, 5, 6, 4, 7]
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        for number in order:
            await gateway.print(execution, chunk_payload(number, b"%d\n" % number))
        await gateway.finish(execution, 7)
        _, chunks = await reading
    assert numbers(chunks) == [1, 2, 3, 4, 5, 6, 7]


async def test_several_attempts_come_one_after_the_other(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit(retries=1)
    await gateway.assign(execution)
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.print_many(execution, 1, 5)
        await gateway.finish(execution, 5, status="failed")
        await gateway.assign(execution, 2, "local-2")
        await gateway.print_many(execution, 1, 3, attempt=2, node="local-2")
        await gateway.finish(execution, 3, attempt=2, node="local-2")
        words, chunks = await reading
    assert [(at, number) for at, number, _ in chunks] == [(1, n) for n in range(1, 6)] + [(2, n) for n in range(1, 4)]
    assert [word["attempt"] for word in words if word["type"] == "attempt"] == [1, 2]
    assert words[-1]["attempt"] == 2


async def test_a_forged_chunk_of_a_node_that_does_not_hold_the_attempt_is_ignored(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.print(execution, chunk_payload(1, b"forged\n"), node="local-2")
        await gateway.print(execution, b"no chunk at all")
        await gateway.print(execution, chunk_payload(1, b"honest\n"))
        await gateway.print(execution, chunk_payload(2, b"forged\n"), node="local-2")
        await gateway.finish(execution, 1)
        _, chunks = await reading
    assert chunks == [(1, 1, b"honest\n")]


async def test_what_log_and_archive_both_lack_is_named_as_a_gap(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    for number in (1, 2, 5, 6):
        await gateway.print(execution, chunk_payload(number, b"x\n"))
    await gateway.finish(execution, 8)
    async with gateway.stream(execution) as socket:
        words, chunks = await collect(socket)
    assert numbers(chunks) == [1, 2, 5, 6]
    gaps = [(word["from_chunk"], word["to_chunk"]) for word in words if word["type"] == "gap"]
    assert gaps == [(3, 4), (7, 8)]


async def test_an_expired_log_comes_from_its_archive(gateway: GatewayUnderTest, tmp_path: Path) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    spool = Spool(tmp_path / "log", 1, 10**9)
    for number in range(1, 2001):
        spool.write("stdout", b"archived %d\n" % number)
    archive = await gateway.store(spool.path.read_bytes())
    at = 0
    for _ in range(100):
        chunk = spool.read(at)
        await gateway.print(execution, chunk)
        at += len(framed(chunk))
    spool.close()
    await gateway.finish(execution, 2000, archive=archive)
    async with gateway.stream(execution, "?after_chunk=10") as socket:
        words, chunks = await collect(socket)
    assert numbers(chunks) == list(range(11, 2001))
    assert [word for word in words if word["type"] == "gap"] == []


async def test_nats_killed_mid_stream_loses_nothing(gateway: GatewayUnderTest, nats_server: NatsServer) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.print_many(execution, 1, 40)
        await asyncio.to_thread(nats_server.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(nats_server.start)
        await gateway.connected()
        await gateway.print_many(execution, 41, 80)
        await gateway.finish(execution, 80)
        words, chunks = await reading
    assert numbers(chunks) == list(range(1, 81))
    assert words[-1]["type"] == "end"


async def test_a_gateway_restarted_mid_stream_loses_and_repeats_nothing(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    words: list[dict[str, object]] = []
    chunks: Chunks = []
    await gateway.print_many(execution, 1, 20)
    async with gateway.stream(execution) as socket:
        while len(chunks) < 20:
            take(await socket.recv(), words, chunks)
        await gateway.stop()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                take(await socket.recv(), words, chunks)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    await gateway.print_many(execution, 21, 40)
    await gateway.start()
    attempt, number, _ = chunks[-1]
    async with gateway.stream(execution, f"?attempt={attempt}&after_chunk={number}") as socket:
        reading = asyncio.create_task(collect(socket))
        await gateway.print_many(execution, 41, 60)
        await gateway.finish(execution, 60)
        rest = await reading
    assert numbers(chunks + rest[1]) == list(range(1, 61))


async def test_a_slow_reader_gets_everything_and_the_gateway_holds_little(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    content = b"x" * (128 * 1024 - 1) + b"\n"
    async with gateway.stream(execution, max_queue=1) as socket:
        for number in range(1, 401):
            await gateway.print(execution, chunk_payload(number, content))
        await gateway.finish(execution, 400)
        words, chunks = await collect(socket)
    assert numbers(chunks) == list(range(1, 401))
    assert all(got == content for _, _, got in chunks)
    assert words[-1]["type"] == "end"


async def test_a_stream_of_an_ended_execution_that_never_ran(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.call("POST", f"/executions/{execution}/cancel")
    async with gateway.stream(execution) as socket:
        words, chunks = await collect(socket)
    assert chunks == []
    assert words[-1]["type"] == "end" and words[-1]["status"] == "cancelled"


async def test_a_lost_attempt_gives_what_there_is(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print_many(execution, 1, 4)
    await gateway.finish(execution, 0, status="lost")
    await gateway.assign(execution, 2)
    await gateway.print_many(execution, 1, 2, attempt=2)
    await gateway.finish(execution, 2, attempt=2)
    async with gateway.stream(execution) as socket:
        _, chunks = await collect(socket)
    assert [(at, number) for at, number, _ in chunks] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]


@pytest.mark.parametrize(("tail", "first"), [(1, 400), (5, 396), (200, 201), (100_000, 1)])
async def test_tail_begins_that_many_lines_before_the_end(gateway: GatewayUnderTest, tail: int, first: int) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print_many(execution, 1, 400)
    await gateway.finish(execution, 400)
    async with gateway.stream(execution, f"?tail={tail}") as socket:
        _, chunks = await collect(socket)
    assert numbers(chunks) == list(range(first, 401))


async def test_only_one_stream_on_demand(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print(execution, chunk_payload(1, b"out\n"))
    await gateway.print(execution, chunk_payload(2, b"err\n", stream="stderr"))
    await gateway.print(execution, chunk_payload(3, b"out\n"))
    await gateway.finish(execution, 3)
    async with gateway.stream(execution, "?stream=stderr") as socket:
        words, chunks = await collect(socket)
    assert chunks == [(1, 2, b"err\n")]
    assert words[-1]["log"]["chunks"] == 3


async def test_another_account_sees_no_such_execution(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    key, _ = await gateway.new_key("other")
    async with gateway.stream(execution, key=key) as socket:
        words, _ = await collect(socket)
    assert words[-1]["type"] == "error" and words[-1]["error"]["code"] == "NOT_FOUND"
    assert socket.close_code == 4404


async def test_a_revoked_key_closes_its_streams(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    key, key_id = await gateway.new_key(ACCOUNT)
    async with gateway.stream(execution, key=key) as socket:
        await socket.recv()
        await gateway.revoke(key_id)
        words, _ = await asyncio.wait_for(collect(socket), 5)
    assert words[-1]["error"]["code"] == "UNAUTHENTICATED"
    assert socket.close_code == 4401


async def test_a_commit_that_was_refused_is_not_shown(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        forged = b'{"v":1,"id":"forged","prev":999,"at_us":1,"actor":"x","cause":0,"events":[]}'
        headers = {"Nats-Expected-Last-Subject-Sequence": "999"}
        with pytest.raises(Exception, match="wrong last sequence"):
            subject = subjects.aggregate_prefix(_ref(execution)) + ".cached"
            await gateway.bus.publish(subject, forged, headers=headers)
        await gateway.call("POST", f"/executions/{execution}/cancel")
        words, _ = await reading
    assert [word["status"] for word in words if word["type"] == "state"] == ["queued", "cancelled"]


def _ref(execution: str):  # type: ignore[no-untyped-def]
    from services.runtime.log import Ref

    return Ref(ACCOUNT, "execution", execution)


async def test_an_account_opens_so_many_streams_and_is_told(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stream.room.STREAMS_MAX", 1)
    execution = await gateway.submit()
    async with gateway.stream(execution) as first:
        await first.recv()
        async with gateway.stream(execution) as second:
            words, _ = await collect(second)
            assert words[-1]["error"]["code"] == "TOO_MANY_STREAMS"
            assert second.close_code == 4429
    async with asyncio.timeout(20):  # the gateway notices that the reader went
        while True:
            async with gateway.stream(execution) as again:
                if "hello" in await again.recv():
                    break
            await asyncio.sleep(0.02)
