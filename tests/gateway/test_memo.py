"""An earlier run that serves for a new one: `why` says which parts of the key are the same, and its log is shown."""

from __future__ import annotations

import asyncio

import pytest

from domain.execution import commands as c
from domain.execution.commands import Reuse
from domain.execution.events import AttemptResult, LogSummary, Lookup, Reason
from services.runtime.log import Ref
from tests.gateway.batch_play import members_of, submit_batch
from tests.gateway.conftest import ACCOUNT, NOW, GatewayUnderTest, collect, submit_body

MISS = Lookup("miss", "new")


async def ran(gateway: GatewayUnderTest, lines: int = 3) -> str:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print_many(execution, 1, lines)
    await gateway.projected(await gateway.finish(execution, lines))
    return execution


async def reused(gateway: GatewayUnderTest, execution: str, lender: str, lines: int = 3) -> None:
    """The resolver found that `lender` serves."""
    log = LogSummary(chunks=lines, lines=lines, stdout_lines=lines)
    result = AttemptResult("succeeded", Reason("OK", "The script ended."), 0, log=log)
    hit = Lookup("hit", f"{lender} ran the same")
    resolve = c.ResolveExecution(MISS, MISS, MISS, hit, Reuse(lender, result), NOW)
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "execution", execution), resolve))


async def test_memoize_reaches_the_log_and_the_answer(gateway: GatewayUnderTest) -> None:
    first = await gateway.call("POST", "/executions", json=submit_body(memoize=True))
    assert first[0] == 201
    state, _ = await gateway.handler.state(Ref(ACCOUNT, "execution", first[1]["id"]))
    assert state.memoize
    _, doc = await gateway.call("GET", f"/executions/{first[1]['id']}?min_seq={first[1]['sequence']}")
    assert doc["memoize"] is True and doc["reused_from"] is None


async def test_a_request_of_an_earlier_time_keeps_its_fingerprint(gateway: GatewayUnderTest) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await gateway.call("POST", "/executions", json=submit_body(), headers=headers)
    assert (await gateway.call("POST", "/executions", json=submit_body(memoize=False), headers=headers))[0] == 200
    other = await gateway.call("POST", "/executions", json=submit_body(memoize=True), headers=headers)
    assert (first[0], other[0]) == (201, 422)


async def test_why_shows_the_key_part_by_part(gateway: GatewayUnderTest) -> None:
    lender = await ran(gateway)
    _, why = await gateway.call("GET", f"/executions/{lender}/why")
    assert why["memo"]["result"] is None and "--memoize" in why["memo"]["reason"] and why["memo"]["differs"] == []
    other = await gateway.submit(args=["x"], memoize=True, tags={"t": "1"})
    resolve = c.ResolveExecution(MISS, MISS, MISS, Lookup("miss", "other arguments"))
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "execution", other), resolve))
    _, missed = await gateway.call("GET", f"/executions/{other}/why")
    memo = missed["memo"]
    assert (memo["result"], memo["reason"], memo["differs"]) == ("miss", "other arguments", ["arguments"])
    assert set(memo["parts"]) == {"script", "environment", "inputs", "arguments", "settings"}
    same = await gateway.submit(memoize=True)
    await reused(gateway, same, lender)
    _, hit = await gateway.call("GET", f"/executions/{same}/why")
    assert hit["memo"]["key"] == why["memo"]["key"] != memo["key"]
    assert (hit["memo"]["result"], hit["memo"]["reused_from"], hit["memo"]["differs"]) == ("hit", lender, [])
    _, doc = await gateway.call("GET", f"/executions/{same}")
    assert (doc["status"], doc["reused_from"], doc["attempt"]) == ("succeeded", lender, 0)


async def test_a_member_is_compared_with_runs_before_its_batch(gateway: GatewayUnderTest) -> None:
    await ran(gateway)
    await submit_batch(gateway, members_of(2))
    _, page = await gateway.call("GET", "/executions?batch=@last")
    for member in page["items"]:
        _, why = await gateway.call("GET", f"/executions/{member['id']}/why")
        assert why["memo"]["differs"] == ["inputs", "arguments"]


@pytest.mark.parametrize("chained", [False, True])
async def test_the_log_of_a_reused_run_is_that_of_the_run_that_served(gateway: GatewayUnderTest, chained: bool) -> None:
    lender = await ran(gateway)
    if chained:
        between = await gateway.submit(memoize=True)
        await reused(gateway, between, lender)
        lender = between
    execution = await gateway.submit(memoize=True)
    async with gateway.stream(execution) as socket:
        reading = asyncio.create_task(collect(socket))
        await reused(gateway, execution, lender)
        words, chunks = await reading
    assert [content for _, _, content in chunks] == [b"line 1\n", b"line 2\n", b"line 3\n"]
    assert words[-1]["type"] == "end" and words[-1]["reused_from"] == lender
    cached = next(word for word in words if word.get("event") == "execution.cached")
    assert cached["memo"]["result"] == "hit"
    async with gateway.stream(execution, "?tail=2") as socket:
        _, chunks = await collect(socket)
    assert b"".join(content for _, _, content in chunks) == b"line 2\nline 3\n"
    for query, text in (("", b"line 1\nline 2\nline 3\n"), ("?tail=1", b"line 3\n"), ("?attempt=2", b"")):
        url = f"{gateway.url}/api/v1/executions/{execution}/logs{query}"
        async with gateway.http.get(url, headers={"Authorization": f"Bearer {gateway.key}"}) as answer:
            assert await answer.read() == text


async def test_what_the_lender_did_later_is_not_shown(gateway: GatewayUnderTest) -> None:
    lender = await ran(gateway)
    execution = await gateway.submit(memoize=True)
    await reused(gateway, execution, lender)
    await gateway.command(Ref(ACCOUNT, "execution", lender), c.RetryExecution("test"))
    await gateway.command(Ref(ACCOUNT, "execution", lender), c.AssignExecution(2, "local-1", "inc-1", "local", NOW * 2))
    await gateway.print_many(lender, 1, 5, attempt=2)
    async with gateway.stream(execution) as socket:
        _, chunks = await collect(socket)
    assert [attempt for attempt, _, _ in chunks] == [1, 1, 1]
