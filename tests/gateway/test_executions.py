"""Submit, read, list, wait, act: over a real server, log and database."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import orjson
import pytest

from domain.account.commands import RevokeKey
from domain.node.commands import JoinNode
from domain.node.offer import Offer
from gateway.middleware import BODY_BYTES_MAX
from services.runtime.log import Ref
from services.runtime.streams import declared_streams
from tests.fixtures.postgres import PostgresServer
from tests.gateway.conftest import ACCOUNT, SCRIPT, SHA, GatewayUnderTest, chunk_payload, submit_body


async def test_a_submit_can_be_read_at_its_sequence(gateway: GatewayUnderTest) -> None:
    status, made = await gateway.call("POST", "/executions", json=submit_body(name="first", tags={"a": "b"}))
    assert status == 201 and made["created"] is True
    status, doc = await gateway.call("GET", f"/executions/{made['id']}?min_seq={made['sequence']}")
    assert status == 200
    assert (doc["id"], doc["status"], doc["name"], doc["tags"]) == (made["id"], "queued", "first", {"a": "b"})
    assert doc["cost"]["running_micros"] == 0
    for text in ("@last", made["id"][:9], made["id"].removeprefix("exec_")):
        assert (await gateway.call("GET", f"/executions/{text}"))[1]["id"] == made["id"]


async def test_the_same_key_is_the_same_execution_and_another_payload_is_refused(gateway: GatewayUnderTest) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await gateway.call("POST", "/executions", json=submit_body(), headers=headers)
    again = await gateway.call("POST", "/executions", json=submit_body(), headers=headers)
    other = await gateway.call("POST", "/executions", json=submit_body(args=["x"]), headers=headers)
    assert (first[0], again[0], other[0]) == (201, 200, 422)
    assert again[1] == {**first[1], "created": False}
    assert other[1]["error"]["code"] == "IDEMPOTENCY_MISMATCH"


async def test_what_was_accepted_is_repeated_also_when_its_files_are_gone(gateway: GatewayUnderTest) -> None:
    headers, content = {"Idempotency-Key": "late"}, b"soon removed"
    sha = await gateway.store(content)
    body = submit_body(inputs=[{"path": "in", "sha256": sha, "size_bytes": len(content)}])
    first = await gateway.call("POST", "/executions", json=body, headers=headers)
    assert first[0] == 201
    await gateway.parts.store.delete(ACCOUNT, sha)
    again = await gateway.call("POST", "/executions", json=body, headers=headers)
    assert again == (200, {**first[1], "created": False})
    status, refused = await gateway.call("POST", "/executions", json=body, headers={"Idempotency-Key": "another"})
    assert (status, refused["error"]["code"]) == (409, "BLOBS_MISSING")


async def test_missing_blobs_are_named_before_anything_is_queued(gateway: GatewayUnderTest) -> None:
    content = b"a,b\n1,2\n"
    sha = hashlib.sha256(content).hexdigest()
    body = submit_body(inputs=[{"path": "data/in.csv", "sha256": sha, "size_bytes": len(content)}])
    status, refused = await gateway.call("POST", "/executions", json=body)
    assert status == 409 and refused["error"]["code"] == "BLOBS_MISSING"
    assert refused["error"]["details"]["missing"] == [sha]
    _, asked = await gateway.call("POST", "/blobs", json={"blobs": [{"sha256": sha, "size_bytes": len(content)}]})
    async with gateway.http.put(asked["missing"][sha], data=content) as answer:
        assert answer.status in (200, 201, 204)
    assert (await gateway.call("POST", "/blobs", json={"blobs": [{"sha256": sha, "size_bytes": 8}]}))[1][
        "missing"
    ] == {}
    assert (await gateway.call("POST", "/executions", json=body))[0] == 201


async def test_a_size_that_is_not_so_is_refused(gateway: GatewayUnderTest) -> None:
    lying = submit_body(inputs=[{"path": "in", "sha256": SHA, "size_bytes": 3}])
    status, refused = await gateway.call("POST", "/executions", json=lying)
    assert status == 422 and refused["error"]["code"] == "SIZE_MISMATCH"
    assert refused["error"]["details"]["sha256"] == [SHA]


async def test_a_body_that_is_far_too_large_is_answered_all_the_same(gateway: GatewayUnderTest) -> None:
    status, refused = await gateway.call("POST", "/executions", data=b"[" * 50_000_000)
    assert status == 413 and refused["error"]["code"] == "TOO_LARGE"


async def test_many_inputs_come_as_a_manifest(gateway: GatewayUnderTest) -> None:
    entries = [
        {"path": f"in/{number}", "sha256": SHA, "size_bytes": len(SCRIPT), "mode": 0o644} for number in range(1000)
    ]
    manifest = await gateway.store(orjson.dumps(entries))
    good = submit_body(inputs_manifest=manifest, inputs_count=1000, inputs_size_bytes=1000 * len(SCRIPT))
    assert (await gateway.call("POST", "/executions", json=good))[0] == 201
    assert (await gateway.call("POST", "/executions", json={**good, "inputs_count": 999}))[0] == 422
    bad = await gateway.store(orjson.dumps([{**entries[0], "path": "../out"}]))
    status, refused = await gateway.call(
        "POST", "/executions", json=submit_body(inputs_manifest=bad, inputs_count=1, inputs_size_bytes=len(SCRIPT))
    )
    assert status == 422 and "manifest" in refused["error"]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"script": {"path": "/etc/passwd", "sha256": SHA, "size_bytes": 1}},
        {"script": {"path": "a/../../b", "sha256": SHA, "size_bytes": 1}},
        {"script": {"path": "nul\x00", "sha256": SHA, "size_bytes": 1}},
        {"runtime": "cobol"},
        {"name": "bell\x07"},
        {"name": "half \ud800"},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x" * 200_000}},
        {"tags": {"a": "x" * 300}},
        {"tags": {str(n): "x" for n in range(50)}},
        {"retries": -1},
        {"limits": {"memory_bytes": 1}},
        {"limits": {"timeout_seconds": "1e999"}},
        {"nobody_knows": 1},
        {"inputs": [{"path": "hello.py", "sha256": SHA, "size_bytes": 1}]},
    ],
    ids=range(15),
)
async def test_a_wrong_request_is_refused_in_one_shape(gateway: GatewayUnderTest, wrong: dict[str, Any]) -> None:
    import json

    data = json.dumps(submit_body(**wrong)).encode()
    status, body = await gateway.call("POST", "/executions", data=data, headers={"Content-Type": "application/json"})
    assert status == 422
    error = body["error"]
    assert set(error) == {"code", "message", "details", "request_id", "docs"}
    assert error["code"] == "INVALID_REQUEST" and error["request_id"].startswith("req_")


async def test_a_mistyped_parameter_is_refused_and_the_nearest_named(gateway: GatewayUnderTest) -> None:
    status, answer = await gateway.call("GET", "/executions?stats=failed")
    assert status == 422
    assert answer["error"]["code"] == "INVALID_REQUEST" and "'status'" in answer["error"]["message"]


async def test_errors_of_the_framework_have_the_one_shape_too(gateway: GatewayUnderTest) -> None:
    json_type = {"Content-Type": "application/json"}
    expected = {
        ("GET", "/nothing"): 404,
        ("PATCH", "/executions"): 405,
        ("GET", "/executions?limit=x"): 422,
        ("GET", "/executions?since=yesterday"): 422,
        ("GET", "/executions?since=1700000000"): 422,
        ("GET", "/executions?until=0001-01-01T00:00:00%2B14:00"): 200,
        ("GET", "/cost?until=9999-12-31T23:59:59-14:00"): 200,
        ("GET", "/executions/exec_000000000000"): 404,
        ("GET", "/executions/%00"): 422,
        ("GET", "/executions?cursor=made-up"): 422,
    }
    for (method, path), wanted in expected.items():
        status, body = await gateway.call(method, path)
        assert status == wanted and (set(body) == {"error"}) == (wanted != 200), path
    for data, wanted in ((b"{", 422), (b"[]", 422), (b"x" * (BODY_BYTES_MAX + 1), 413)):
        status, body = await gateway.call("POST", "/executions", data=data, headers=json_type)
        assert (status, set(body)) == (wanted, {"error"})


async def test_what_breaks_is_a_500_with_a_request_id_and_no_traceback(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(type(gateway.parts.queries), "nodes", broken)
    status, body = await gateway.call("GET", "/nodes", headers={"X-Request-Id": "my-request-1"})
    assert status == 500
    assert body["error"]["code"] == "INTERNAL" and body["error"]["request_id"] == "my-request-1"
    assert "secret" not in str(body)


async def test_lists_are_filtered_and_paged_newest_first(gateway: GatewayUnderTest) -> None:
    made = [await gateway.submit(project="p", tags={"n": str(number % 2)}) for number in range(5)]
    await gateway.submit(project="q")
    last = await gateway.parts.log.last_position()
    _, page = await gateway.call("GET", f"/executions?project=p&limit=2&min_seq={last}")
    seen = [doc["id"] for doc in page["items"]]
    while page["next_cursor"]:
        _, page = await gateway.call("GET", f"/executions?project=p&limit=2&cursor={page['next_cursor']}")
        seen += [doc["id"] for doc in page["items"]]
    assert seen == made[::-1]
    _, page = await gateway.call("GET", "/executions?tag=n=1&status=queued&status=running")
    assert [doc["id"] for doc in page["items"]] == [made[3], made[1]]


async def test_a_read_that_is_ahead_of_the_log_says_so(gateway: GatewayUnderTest) -> None:
    status, body = await gateway.call("GET", "/executions?min_seq=999999")
    assert status == 409 and body["error"]["code"] == "READ_BEHIND"


async def test_waiting_ends_with_the_execution(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    headers = {"Authorization": f"Bearer {gateway.key}"}
    url = f"{gateway.url}/api/v1/executions/{execution}/wait"
    async with gateway.http.get(url + "?timeout_s=0", headers=headers) as answer:
        assert (answer.headers["X-Ended"], (await answer.json())["status"]) == ("false", "queued")

    async def waited() -> tuple[str, str]:
        async with gateway.http.get(url, headers=headers) as answer:
            return answer.headers["X-Ended"], (await answer.json())["status"]

    waiting = asyncio.create_task(waited())
    await gateway.assign(execution)
    await gateway.finish(execution, 0)
    assert await waiting == ("true", "succeeded")


async def test_cancel_and_retry(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    assert (await gateway.call("POST", f"/executions/{execution}/retry"))[1]["error"]["code"] == "WRONG_STATE"
    status, body = await gateway.call("POST", f"/executions/{execution}/cancel")
    assert (status, body["status"]) == (200, "cancelled")
    status, body = await gateway.call("POST", f"/executions/{execution}/retry")
    assert (status, body["status"]) == (200, "queued")
    assert (await gateway.call("POST", "/executions/exec_000000000000/cancel"))[0] == 404


async def test_a_repeated_cancel_or_retry_happens_once(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    same: dict[str, Any] = {"headers": {"Idempotency-Key": "the-same"}}
    first = await gateway.call("POST", f"/executions/{execution}/cancel", **same)
    assert first == await gateway.call("POST", f"/executions/{execution}/cancel", **same)
    first = await gateway.call("POST", f"/executions/{execution}/retry", **same)
    assert (first[0], first[1]["status"]) == (200, "queued")
    assert first == await gateway.call("POST", f"/executions/{execution}/retry", **same)
    other = {"headers": {"Idempotency-Key": "another"}}
    assert (await gateway.call("POST", f"/executions/{execution}/retry", **other))[0] == 409


async def test_the_history_reads_as_a_story_and_says_where_the_time_went(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.finish(execution, 0)
    _, first = await gateway.call("GET", f"/executions/{execution}/events?limit=3")
    _, rest = await gateway.call("GET", f"/executions/{execution}/events?cursor={first['next_cursor']}")
    types = [item["type"] for item in first["items"] + rest["items"]]
    assert types == [f"execution.{verb}" for verb in ("submitted", "cached", "assigned", "started", "finished")]
    assert rest["next_cursor"] is None and first["items"][0]["data"]["job"]["runtime"] == "python"
    assert first["items"][0]["actor"] == f"key:{gateway.key_id}"
    _, why = await gateway.call("GET", f"/executions/{execution}/why")
    assert [phase["name"] for phase in why["phases"]] == ["resolving", "queued", "starting", "running", "billing"]
    assert why["cache"]["script"]["result"] == "miss"


async def test_another_account_sees_nothing_of_it(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    key, _ = await gateway.new_key("other")
    paths = ["", "/events", "/why", "/outputs", "/logs", "/wait?timeout_s=0"]
    for path in paths:
        assert (await gateway.call("GET", f"/executions/{execution}{path}", key=key))[0] == 404, path
    for verb in ("cancel", "retry"):
        assert (await gateway.call("POST", f"/executions/{execution}/{verb}", key=key))[0] == 404
    assert (await gateway.call("GET", "/executions", key=key))[1]["items"] == []
    assert (await gateway.call("POST", "/executions", json=submit_body(), key=key))[0] == 409


async def test_the_log_as_history(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.print(execution, chunk_payload(1, b"one\ntwo\nth", line=1))
    await gateway.print(execution, chunk_payload(2, b"oops\n", stream="stderr", line=4))
    await gateway.print(execution, chunk_payload(3, b"ree\nfour", line=3))
    await gateway.finish(execution, 3)

    async def text(query: str) -> bytes:
        url = f"{gateway.url}/api/v1/executions/{execution}/logs{query}"
        async with gateway.http.get(url, headers={"Authorization": f"Bearer {gateway.key}"}) as answer:
            assert answer.status == 200
            return await answer.read()

    assert await text("") == b"one\ntwo\nthoops\nree\nfour"
    assert await text("?stream=stdout") == b"one\ntwo\nthree\nfour"
    assert await text("?stream=stdout&tail=1") == b"ree\nfour"
    assert await text("?after_chunk=2") == b"ree\nfour"
    assert await text("?attempt=2") == b""
    lines = [orjson.loads(line) for line in (await text("?format=ndjson&stream=stdout")).splitlines()]
    assert [line["text"] for line in lines] == ["one", "two", "three", "four"]
    assert [line["line"] for line in lines] == [1, 2, 3, 4]


async def test_the_grid_says_how_it_is_doing(gateway: GatewayUnderTest) -> None:
    status, grid = await gateway.call("GET", "/grid")
    assert status == 200
    assert grid["positions"]["log"] >= 2 and grid["parked"] == {"count": 0, "last": None}
    streams = {each["stream"]: each for each in grid["streams"]}
    assert list(streams) == [declared["name"] for declared in declared_streams()]
    assert streams["EVENTS"]["messages"] == grid["positions"]["log"] and streams["EVENTS"]["size_bytes"] > 0
    for path in ("/healthz", "/readyz"):
        async with gateway.http.get(gateway.url + path) as answer:
            assert answer.status == 200


async def test_costs_add_up_to_nothing_here(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.parts.queries.wait_for(await gateway.parts.log.last_position(), 5)
    for query in ("", "?last=7d&by=day", "?by=tag:team", f"?execution={execution}"):
        status, body = await gateway.call("GET", f"/cost{query}")
        assert (status, body["items"], body["charged_micros"]) == (200, [], 0), query


async def test_keys_are_shown_once(gateway: GatewayUnderTest) -> None:
    _, made = await gateway.call("POST", "/keys", json={"label": "ci"})
    _, listed = await gateway.call("GET", f"/keys?min_seq={made['sequence']}", key=gateway.key)
    assert [item["label"] for item in listed["items"]] == ["test", "ci"]
    assert made["key"] not in str(listed)
    assert (await gateway.call("GET", "/keys", key=made["key"]))[0] == 200


async def test_a_repeated_request_for_a_key_is_answered_with_that_key(gateway: GatewayUnderTest) -> None:
    same: dict[str, Any] = {"headers": {"Idempotency-Key": "the-same"}}
    first = await gateway.call("POST", "/keys", json={"label": "ci"}, **same)
    assert first[0] == 201
    assert first == await gateway.call("POST", "/keys", json={"label": "ci"}, **same)
    status, body = await gateway.call("POST", "/keys", json={"label": "other"}, **same)
    assert (status, body["error"]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    _, mine = await gateway.call("POST", "/keys", json={"label": "ci"}, key=first[1]["key"], **same)
    assert mine["id"] != first[1]["id"], "another caller's request is another request"


async def test_postgres_away_is_a_503_that_says_when_to_try_again(
    gateway: GatewayUnderTest, postgres_server: PostgresServer
) -> None:
    execution = await gateway.submit()
    await asyncio.to_thread(postgres_server.kill)
    try:
        headers = {"Authorization": f"Bearer {gateway.key}"}
        async with gateway.http.get(f"{gateway.url}/api/v1/executions", headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert (await answer.json())["error"]["code"] == "UNAVAILABLE"
        async with gateway.http.get(f"{gateway.url}/readyz") as answer:
            assert answer.status == 503
        # Who was seen before is known from the log, so what costs money can be stopped.
        status, body = await gateway.call("POST", f"/executions/{execution}/cancel")
        assert (status, body["status"]) == (200, "cancelled")
        await gateway.command(Ref("local", "account", "local"), RevokeKey(gateway.key_id))
        gateway.parts.keys._cache[gateway.key_id] = (0.0, gateway.parts.keys._cache[gateway.key_id][1])
        assert (await gateway.call("POST", f"/executions/{execution}/cancel"))[0] == 401
    finally:
        postgres_server.start()
    # The crash may have taken the newest of the read models along; they are folded again from the log.
    key, _ = await gateway.new_key("local")
    assert (await gateway.call("GET", "/executions", key=key))[0] == 200


async def test_who_asks_for_no_memory_gets_no_more_than_a_node_has(gateway: GatewayUnderTest) -> None:
    sha = hashlib.sha256(b"").hexdigest()

    async def memory(**limits: int) -> int:
        status, made = await gateway.call("POST", "/executions", json=submit_body(limits=limits, args=[sha]))
        assert status == 201
        _, doc = await gateway.call("GET", f"/executions/{made['id']}?min_seq={made['sequence']}")
        return int(doc["limits"]["memory_bytes"])

    assert await memory() == 2 * 1024**3
    for node, size in (("small-1", 512 * 1024**2), ("small-2", 900 * 1024**2)):
        join = JoinNode("inc-1", Offer("local", 1000, size, "process", ("python",), "0", {}))
        await gateway.projected(await gateway.command(Ref("grid", "node", node), join))
    assert await memory(cpu_millis=500) == 900 * 1024**2
    assert await memory(memory_bytes=2 * 1024**3) == 2 * 1024**3
    join = JoinNode("inc-1", Offer("local", 1000, 64 * 1024**3, "process", ("python",), "0", {}))
    await gateway.projected(await gateway.command(Ref("grid", "node", "large"), join))
    assert await memory() == 2 * 1024**3


@pytest.mark.parametrize("paths", [["./a"], ["a//b"], ["a/"], ["a", "a"], ["a", "a/b"], ["job.py/x"]])
async def test_two_inputs_never_name_one_file(gateway: GatewayUnderTest, paths: list[str]) -> None:
    inputs = [{"path": path, "sha256": SHA, "size_bytes": 0} for path in paths]
    script = {"path": "job.py", "sha256": SHA, "size_bytes": 0}
    status, refused = await gateway.call("POST", "/executions", json=submit_body(script=script, inputs=inputs))
    assert (status, refused["error"]["code"]) == (422, "INVALID_REQUEST"), refused
