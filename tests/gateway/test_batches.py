"""Batches over a real server, log and database: submitted all or none, looked at in one row, paged, cancelled, retried."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from domain.batch.members import LIST_BYTES_MAX, Member, encode, member_id
from domain.files import FileRef
from services.runtime.log import Ref
from tests.gateway.batch_play import batch_body, end, expand, finish, members_of, submit_batch
from tests.gateway.conftest import ACCOUNT, SCRIPT, SHA, GatewayUnderTest

INPUT = FileRef("data/a.csv", SHA, len(SCRIPT))


async def test_a_batch_is_submitted_once_whoever_repeats_it(gateway: GatewayUnderTest) -> None:
    body = await batch_body(gateway, members_of(3), name="three", tags={"a": "b"}, parallel=2, failures_max=1)
    headers = {"Idempotency-Key": "once"}
    first = await gateway.call("POST", "/batches", json=body, headers=headers)
    again = await gateway.call("POST", "/batches", json=body, headers=headers)
    other = await gateway.call("POST", "/batches", json={**body, "parallel": 3}, headers=headers)
    assert (first[0], again[0], other[0]) == (201, 200, 422)
    assert first[1]["count"] == 3 and again[1] == {**first[1], "created": False}
    assert other[1]["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    status, doc = await gateway.call("GET", f"/batches/{first[1]['id']}?min_seq={first[1]['sequence']}")
    assert status == 200
    assert (doc["status"], doc["count"], doc["name"], doc["tags"]) == ("queued", 3, "three", {"a": "b"})
    assert (doc["parallel"], doc["failures_max"], doc["memoize"], doc["expanded"]) == (2, 1, False, False)


async def test_any_form_of_an_id_and_any_filter_finds_it(gateway: GatewayUnderTest) -> None:
    one = await submit_batch(gateway, members_of(1), name="one", tags={"a": "1", "b": "2"}, project="red")
    two = await submit_batch(gateway, members_of(2), name="two", tags={"a": "1"})
    for text in ("@last", two[:12], two.removeprefix("batch_")):
        assert (await gateway.call("GET", f"/batches/{text}"))[1]["id"] == two
    for query, found in {
        "": [two, one],
        "?tag=a=1": [two, one],
        "?tag=a=1&tag=b=2": [one],
        "?project=red": [one],
        "?name=two&status=queued": [two],
        "?status=failed": [],
        "?since=2100-01-01": [],
        "?limit=1": [two],
    }.items():
        _, page = await gateway.call("GET", f"/batches{query}")
        assert [each["id"] for each in page["items"]] == found, query
    _, page = await gateway.call("GET", "/batches?limit=1")
    _, rest = await gateway.call("GET", f"/batches?cursor={page['next_cursor']}")
    assert [each["id"] for each in rest["items"]] == [one] and rest["next_cursor"] is None
    assert (await gateway.call("GET", "/batches/batch_zz"))[0] == 404
    _, page = await gateway.call("GET", f"/executions?batch={two[:12]}")
    assert sorted(each["member"] for each in page["items"]) == ["in/00000.txt", "in/00001.txt"]
    assert (await gateway.call("GET", "/executions?batch=nothing"))[0] == 404


async def test_blobs_that_are_missing_are_named_before_anything_is_queued(gateway: GatewayUnderTest) -> None:
    lists = [replace(INPUT, sha256=hashlib.sha256(b"%d" % n).hexdigest()) for n in range(1200)]
    body = await batch_body(gateway, [Member(f"m{n}", (), (each,)) for n, each in enumerate(lists)])
    status, refused = await gateway.call("POST", "/batches", json=body)
    assert status == 409 and refused["error"]["code"] == "BLOBS_MISSING"
    details = refused["error"]["details"]
    assert details["count"] == 1200 and len(details["missing"]) == 1000
    absent = {**body, "members": {**body["members"], "sha256": "0" * 64}}
    status, refused = await gateway.call("POST", "/batches", json=absent)
    assert (status, refused["error"]["details"]["missing"]) == (409, ["0" * 64])
    shared = {**body, "shared": {"entries": [{"path": "s", "sha256": "1" * 64, "size_bytes": 1}]}}
    status, refused = await gateway.call("POST", "/batches", json=shared)
    assert (status, refused["error"]["details"]["missing"]) == (409, ["1" * 64])
    assert (await gateway.call("GET", "/batches"))[1]["items"] == []


BAD: dict[str, tuple[list[Any], str]] = {
    "no path": ([Member("a", (), (replace(INPUT, path="../x"),))], "plain relative path"),
    "other size": ([Member("a", (), (INPUT,)), Member("b", (), (replace(INPUT, size_bytes=3),))], "another size"),
    "no hash": ([Member("a", (), (replace(INPUT, sha256="X" * 64),))], "no SHA-256"),
    "half a byte": ([Member("a", (), (replace(INPUT, size_bytes=1.5),))], "not a whole number"),  # type: ignore[arg-type]
    "odd mode": ([Member("a", (), (replace(INPUT, mode=0o7777),))], "no SHA-256, size"),
    "NUL": ([Member("a", ("\x00",))], "NUL"),
    "long": ([Member("a", ("x" * 33_000,))], "32,767"),
    "long in sum": ([Member("a", ("x" * 32_000,) * 33)], "together"),
    "script": ([Member("a", (), (replace(INPUT, path="hello.py"),))], "in the way"),
    "below the script": ([Member("a", (), (replace(INPUT, path="hello.py/x"),))], "in the way"),
    "shared": ([Member("a", (), (replace(INPUT, path="shared/s"),))], "in the way"),
    "above shared": ([Member("a", (), (replace(INPUT, path="shared"),))], "in the way"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_member_that_cannot_run_is_named_by_its_line(gateway: GatewayUnderTest, name: str) -> None:
    members, said = BAD[name]
    shared = {"entries": [{"path": "shared/s", "sha256": SHA, "size_bytes": len(SCRIPT)}]}
    body = await batch_body(gateway, [Member("first"), *members], shared=shared)
    status, refused = await gateway.call("POST", "/batches", json=body)
    assert status == 422 and said in refused["error"]["message"], refused
    assert refused["error"]["details"]["line"] == 1 + len(members)


async def test_a_list_that_is_not_what_the_request_says_is_refused(gateway: GatewayUnderTest) -> None:
    body = await batch_body(gateway, members_of(3))
    listed = body["members"]
    for wrong, code in (({"count": 4}, "INVALID_REQUEST"), ({"size_bytes": 7}, "SIZE_MISMATCH")):
        status, refused = await gateway.call("POST", "/batches", json={**body, "members": {**listed, **wrong}})
        assert (status, refused["error"]["code"]) == (422, code)
    for wrong in ({"count": 0}, {"count": 100_001}, {"size_bytes": LIST_BYTES_MAX + 1}):
        assert (await gateway.call("POST", "/batches", json={**body, "members": {**listed, **wrong}}))[0] == 422
    for data in (b"{}\n", b"not json\n", b"\xff\n", b"[" * 100_000, encode([Member("a"), Member("a")]), b"\n\n"):
        there = {"sha256": await gateway.store(data), "size_bytes": len(data), "count": max(1, data.count(b"\n"))}
        status, refused = await gateway.call("POST", "/batches", json={**body, "members": there})
        assert (status, refused["error"]["code"]) == (422, "INVALID_REQUEST"), data


async def test_what_all_share_is_bounded_by_how_often_it_is_written(gateway: GatewayUnderTest) -> None:
    body = await batch_body(gateway, members_of(1), args=["x" * 30_000] * 20)
    assert (await gateway.call("POST", "/batches", json=body))[0] == 201
    many = {**body, "members": {**body["members"], "count": 10_000}}
    status, refused = await gateway.call("POST", "/batches", json=many)
    assert (status, refused["error"]["code"]) == (413, "TOO_LARGE")


async def test_members_results_and_failures(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(5))
    await end(gateway, batch, 3)
    await end(gateway, batch, 1, "failed", error="ValueError: no header")
    await end(gateway, batch, 2, "failed", error="ValueError: no header")
    last = await end(gateway, batch, 0, "failed", error="boom", code=2)
    _, page = await gateway.call("GET", f"/batches/{batch}/members?limit=3&min_seq={last.position}")
    assert [(each["index"], each["status"]) for each in page["items"]] == [(0, "failed"), (1, "failed"), (2, "failed")]
    _, rest = await gateway.call("GET", f"/batches/{batch}/members?cursor={page['next_cursor']}")
    assert [each["member"] for each in rest["items"]] == ["in/00003.txt", "in/00004.txt"]
    _, queued = await gateway.call("GET", f"/batches/{batch}/members?status=queued&status=running")
    assert [each["id"] for each in queued["items"]] == [member_id(ACCOUNT, batch, 4)]
    _, failures = await gateway.call("GET", f"/batches/{batch}/failures")
    causes = [(each["code"], each["exit_code"], each["error_line"], each["count"]) for each in failures["items"]]
    assert causes == [("EXIT_CODE", 1, "ValueError: no header", 2), ("EXIT_CODE", 2, "boom", 1)]
    assert failures["items"][0]["example"] == {"id": member_id(ACCOUNT, batch, 1), "member": "in/00001.txt"}
    _, results = await gateway.call("GET", f"/batches/{batch}/results?limit=2")
    assert [each["index"] for each in results["items"]] == [3, 1]
    entry = results["items"][0]["outputs"]["entries"][0]
    async with gateway.http.get(entry["url"]) as answer:
        assert await answer.read() == SCRIPT
    _, results = await gateway.call("GET", f"/batches/{batch}/results?after={results['next_after']}")
    assert [each["index"] for each in results["items"]] == [2, 0]
    assert results["next_after"] == last.position
    _, none = await gateway.call("GET", f"/batches/{batch}/results?after={results['next_after']}")
    assert none == {"items": [], "next_after": last.position}


async def test_waiting_ends_with_news_and_with_the_end(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(1))
    _, known = await gateway.call("GET", f"/batches/{batch}/wait")
    status, same = await gateway.call("GET", f"/batches/{batch}/wait?after_seq={known['sequence']}&timeout_s=0")
    assert status == 200 and same == known
    path = f"{gateway.url}/api/v1/batches/{batch}/wait?timeout_s=50&after_seq="
    headers = {"Authorization": f"Bearer {gateway.key}"}
    waiting = asyncio.create_task(gateway.call("GET", path + str(known["sequence"])))
    ended = await end(gateway, batch, 0)
    _, news = await waiting
    assert news["sequence"] > known["sequence"] and news["status"] in ("queued", "running")
    async with asyncio.timeout(40):
        while news["sequence"] < ended.position:
            _, news = await gateway.call("GET", path + str(news["sequence"]))
        last = asyncio.ensure_future(gateway.http.get(path + str(news["sequence"]), headers=headers))
        await finish(gateway, batch, {"succeeded": 1})
        async with await last as answer:
            doc = await answer.json()
            assert answer.headers["X-Ended"] == "true" and doc["status"] == "succeeded"


async def test_a_batch_is_cancelled_once(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(2))
    status, done = await gateway.call("POST", f"/batches/{batch}/cancel")
    assert status == 200 and done["id"] == batch and done["cancelling"] is True
    again = await gateway.call("POST", f"/batches/{batch}/cancel")
    assert again[1]["sequence"] == done["sequence"]
    _, doc = await gateway.call("GET", f"/batches/{batch}?min_seq={done['sequence']}")
    assert doc["cancelling"] is True and doc["reason"]["code"] == "CANCELLED"
    assert (await gateway.call("POST", "/batches/batch_000000000000/cancel"))[0] == 404
    _, events = await gateway.call("GET", f"/batches/{batch}/events")
    assert [each["type"] for each in events["items"]] == ["batch.submitted", "batch.expanded", "batch.cancel_requested"]
    _, page = await gateway.call("GET", f"/batches/{batch}/events?limit=1")
    _, rest = await gateway.call("GET", f"/batches/{batch}/events?cursor={page['next_cursor']}")
    assert [each["type"] for each in page["items"] + rest["items"]] == [each["type"] for each in events["items"]]
    assert (await gateway.call("GET", "/batches/batch_000000000000/events"))[0] == 404


async def test_a_cancel_that_would_reach_nobody_names_the_members_that_go_again(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(2))
    for index in range(2):
        await end(gateway, batch, index, "failed")
    await finish(gateway, batch, {"failed": 2})
    assert (await gateway.call("POST", f"/batches/{batch}/cancel"))[0] == 200
    member = member_id(ACCOUNT, batch, 1)
    assert (await gateway.call("POST", f"/executions/{member}/retry"))[0] == 200
    status, refused = await gateway.call("POST", f"/batches/{batch}/cancel")
    assert (status, refused["error"]["code"]) == (409, "WRONG_STATE")
    assert refused["error"]["details"]["members"] == [member]
    assert f"rgrid cancel {member}" in refused["error"]["message"]
    assert (await gateway.call("POST", f"/executions/{member}/cancel"))[0] == 200
    assert (await gateway.call("POST", f"/batches/{batch}/cancel"))[0] == 200


async def test_a_retry_reaches_those_that_ended_so(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(3))
    await end(gateway, batch, 0)
    await end(gateway, batch, 1, "failed")
    status, refused = await gateway.call("POST", f"/batches/{batch}/retry", json={"statuses": ["lost"]})
    assert (status, refused["error"]["code"]) == (409, "WRONG_STATE")
    lacking = {"path": "hello.py", "sha256": "0" * 64, "size_bytes": 1}
    status, refused = await gateway.call("POST", f"/batches/{batch}/retry", json={"script": lacking})
    assert (status, refused["error"]["code"]) == (409, "BLOBS_MISSING")
    elsewhere = {"script": {"path": "in/00001.txt", "sha256": SHA, "size_bytes": len(SCRIPT)}}
    assert (await gateway.call("POST", f"/batches/{batch}/retry", json=elsewhere))[0] == 422
    mended = b"print('mended')\n"
    script = {"path": "hello.py", "sha256": await gateway.store(mended), "size_bytes": len(mended)}
    body, headers = {"statuses": ["failed", "failed"], "script": script}, {"Idempotency-Key": "again"}
    status, done = await gateway.call("POST", f"/batches/{batch}/retry", json=body, headers=headers)
    assert status == 200 and (done["round"], done["count"]) == (1, 1)
    repeated = await gateway.call("POST", f"/batches/{batch}/retry", json=body, headers=headers)
    assert repeated[0] == 200 and repeated[1]["sequence"] == done["sequence"]
    _, doc = await gateway.call("GET", f"/batches/{batch}?min_seq={done['sequence']}")
    assert doc["round"] == 1 and doc["script"]["sha256"] == script["sha256"]
    busy = await gateway.call("POST", f"/batches/{batch}/retry", json={"statuses": ["succeeded"]})
    assert (busy[0], busy[1]["error"]["code"]) == (409, "WRONG_STATE")
    for wrong in ([], ["queued"]):
        assert (await gateway.call("POST", f"/batches/{batch}/retry", json={"statuses": wrong}))[0] == 422
    assert (await gateway.call("POST", "/batches/batch_000000000000/retry", json={}))[0] == 404


async def test_of_two_retries_at_once_one_is_done_and_the_other_told_so(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(2))
    await end(gateway, batch, 0, "failed")
    await end(gateway, batch, 1)

    def retry(status: str, key: str) -> Awaitable[tuple[int, Any]]:
        body, headers = {"statuses": [status]}, {"Idempotency-Key": key}
        return gateway.call("POST", f"/batches/{batch}/retry", json=body, headers=headers)

    answers = await asyncio.gather(*(retry("failed", "one") for _ in range(2)), retry("succeeded", "two"))
    done = {json["sequence"] for status, json in answers if status == 200}
    refused = [json["error"]["code"] for status, json in answers if status != 200]
    assert len(done) == 1 and set(refused) == {"WRONG_STATE"}
    assert (answers[0][0] == 200) == (answers[1][0] == 200), "the same request is answered alike"
    assert (await gateway.handler.state(Ref(ACCOUNT, "batch", batch)))[0].round == 1


async def test_another_account_sees_and_touches_nothing(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(1))
    other, _ = await gateway.new_key("other")
    assert (await gateway.call("GET", "/batches", key=other))[1]["items"] == []
    for method, path in (
        ("GET", ""),
        ("GET", "/wait?timeout_s=0"),
        ("GET", "/events"),
        ("POST", "/cancel"),
    ):
        assert (await gateway.call(method, f"/batches/{batch}{path}", key=other))[0] == 404, path
    for part in ("members", "results", "failures"):
        assert (await gateway.call("GET", f"/batches/{batch}/{part}", key=other))[0] == 404
    assert (await gateway.call("POST", f"/batches/{batch}/retry", key=other, json={}))[0] == 404
    assert (await gateway.handler.state(Ref(ACCOUNT, "batch", batch)))[0].cancelling is False


async def test_ten_thousand_members_are_a_small_page(gateway: GatewayUnderTest) -> None:
    members = members_of(10_000)
    status, made = await gateway.call("POST", "/batches", json=await batch_body(gateway, members))
    assert status == 201
    await expand(gateway, made["id"], members)
    for path in ("", "/members", "/failures", "/results"):
        async with gateway.http.get(
            f"{gateway.url}/api/v1/batches/{made['id']}{path}", headers={"Authorization": f"Bearer {gateway.key}"}
        ) as answer:
            assert answer.status == 200 and len(await answer.read()) <= 100_000, path
    _, doc = await gateway.call("GET", f"/batches/{made['id']}")
    assert doc["counts"]["queued"] == doc["count"] == 10_000 and doc["expanded"] is True
