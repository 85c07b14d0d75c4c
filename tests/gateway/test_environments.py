"""Locks are checked before anything is accepted; environments are listed, judged beforehand and thrown away."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from domain.environment.commands import RecordBuild
from domain.environment.decider import environment_id
from domain.environment.events import EnvironmentInvalidated, Recipe
from domain.environment.lock import LOCK_BYTES_MAX
from domain.files import FileRef
from domain.node.commands import JoinNode
from domain.node.offer import Offer
from services.runtime.log import Ref
from tests.gateway.conftest import ACCOUNT, NODE, SCRIPT, SHA, GatewayUnderTest, submit_body

PINS = f"six==1.16.0 --hash=sha256:{'a' * 64}\n".encode()
LOCK = hashlib.sha256(PINS).hexdigest()
HERE = "cpython-3.11.7-linux-x86_64"
ARCHIVE = FileRef("environment.tar.zst", "c" * 64, 70)


def packages(content: bytes = PINS, **more: Any) -> dict[str, Any]:
    lock = {"path": "requirements.lock", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    return {"kind": "python", "lock": lock, "source": "requirements.txt", **more}


async def build(gateway: GatewayUnderTest, target: str = HERE, lock: str = LOCK) -> str:
    """A node made it; its id."""
    recipe = Recipe("python", lock, target)
    id = environment_id(recipe)
    ref = Ref(ACCOUNT, "environment", id)
    await gateway.projected(await gateway.command(ref, RecordBuild(recipe, NODE, 6, 100, 1200, ARCHIVE)))
    return id


async def batch(gateway: GatewayUnderTest, **more: Any) -> tuple[int, Any]:
    members = b'{"name": "a", "args": [], "inputs": []}\n'
    sha256 = await gateway.store(members)
    listed = {"sha256": sha256, "size_bytes": len(members), "count": 1}
    return await gateway.call("POST", "/batches", json=submit_body(members=listed, **more))


async def test_the_lock_must_be_stored_first(gateway: GatewayUnderTest) -> None:
    status, body = await gateway.call("POST", "/executions", json=submit_body(environment=packages()))
    assert (status, body["error"]["code"], body["error"]["details"]["missing"]) == (409, "BLOBS_MISSING", [LOCK])
    assert (await batch(gateway, environment=packages()))[1]["error"]["code"] == "BLOBS_MISSING"
    await gateway.store(PINS)
    assert (await batch(gateway, environment=packages()))[0] == 201
    execution = await gateway.submit(environment=packages(), interpreter="3.11")
    _, doc = await gateway.call("GET", f"/executions/{execution}")
    assert (doc["environment"]["lock"]["sha256"], doc["environment"]["interpreter"]) == (LOCK, "3.11")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("python", b"six\n"),
        ("python", b"--index-url https://h.example/\n" + PINS),
        ("python", b"\xff"),
        ("node", b"{}"),
        ("node", PINS),
    ],
)
async def test_what_is_no_lock_is_refused(gateway: GatewayUnderTest, kind: str, content: bytes) -> None:
    await gateway.store(content)
    more = {"environment": packages(content, kind=kind), "runtime": kind}
    status, body = await gateway.call("POST", "/executions", json=submit_body(**more))
    assert (status, body["error"]["code"]) == (422, "INVALID_LOCK")
    status, body = await batch(gateway, **more)
    assert (status, body["error"]["code"]) == (422, "INVALID_LOCK")


async def test_a_lock_of_another_kind_or_size_is_refused(gateway: GatewayUnderTest) -> None:
    await gateway.store(PINS)
    for more in ({"runtime": "node"}, {"runtime": "sh"}, {"environment": packages(kind="node")}):
        status, body = await gateway.call(
            "POST", "/executions", json=submit_body(**{"environment": packages(), **more})
        )
        assert (status, body["error"]["code"]) == (422, "INVALID_REQUEST")
    for size_bytes, code in ((LOCK_BYTES_MAX + 1, "INVALID_LOCK"), (1, "SIZE_MISMATCH")):
        found = packages()
        found["lock"]["size_bytes"] = size_bytes
        status, body = await gateway.call("POST", "/executions", json=submit_body(environment=found))
        assert (status, body["error"]["code"]) == (422, code)


async def test_environments_are_listed_by_page_with_totals(gateway: GatewayUnderTest) -> None:
    await gateway.store(PINS)
    ids = [await build(gateway, HERE.replace("7", str(n))) for n in range(3)]
    await gateway.submit(environment=packages())
    first = (await gateway.call("GET", "/environments?limit=2&min_seq=1"))[1]
    assert [item["id"] for item in first["items"]] == [ids[2], ids[1]]
    assert first["totals"] == {"count": 3, "size_bytes": 300, "archive_bytes": 210}
    second = (await gateway.call("GET", f"/environments?limit=2&cursor={first['next_cursor']}"))[1]
    assert ([item["id"] for item in second["items"]], second["next_cursor"]) == ([ids[0]], None)
    other, _ = await gateway.new_key("other")
    assert (await gateway.call("GET", "/environments", key=other))[1]["items"] == []
    assert (await gateway.call("GET", "/environments?unused_days=1"))[1]["totals"]["count"] == 0


@pytest.mark.parametrize(("verb", "pruned"), [("invalidate", False), ("prune", True)])
async def test_what_is_thrown_away_says_who_wanted_it(gateway: GatewayUnderTest, verb: str, pruned: bool) -> None:
    id = await build(gateway)
    for _ in range(2):
        status, body = await gateway.call("POST", f"/environments/{verb}", json={"ids": [id[:14]]})
        assert (status, body["items"][0]["ok"], body["count"]) == (200, True, 1)
    history = await gateway.parts.log.load(Ref(ACCOUNT, "environment", id))
    assert [each.commit.events for each in history.commits][1:] == [
        (EnvironmentInvalidated(f"key:{gateway.key_id}", pruned),)
    ]
    assert (await gateway.call("GET", f"/environments?min_seq={body['sequence']}"))[1]["items"] == []
    (item,) = (await gateway.call("GET", "/environments?gone=true"))[1]["items"]
    assert item["status"] == ("pruned" if pruned else "invalidated")


async def test_filters_say_which(gateway: GatewayUnderTest) -> None:
    await gateway.store(PINS)
    used, unused = await build(gateway), await build(gateway, lock="9" * 64)
    await gateway.projected(
        await gateway.command(Ref("grid", "node", NODE), JoinNode("i1", Offer("local", 1, 1, "process")))
    )
    _, submitted = await gateway.call("POST", "/executions", json=submit_body(environment=packages()))
    await gateway.parts.queries.wait_for(submitted["sequence"], 5)
    _, body = await gateway.call("POST", "/environments/prune", json={"unused_days": 1})
    assert body["count"] == 0
    _, body = await gateway.call("POST", "/environments/invalidate", json={"script": "hello.py"})
    assert [item["id"] for item in body["items"]] == [used]
    await gateway.parts.queries.wait_for(body["sequence"], 5)
    _, body = await gateway.call("POST", "/environments/invalidate", json={"all": True})
    assert [item["id"] for item in body["items"]] == [unused]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"all": False},
        {"all": True, "ids": ["@last"]},
        {"ids": ["@last"], "unused_days": 1},
        {"unused_days": -1},
        {"ids": ["../x"]},
    ],
)
async def test_who_does_not_say_which_is_refused(gateway: GatewayUnderTest, body: dict[str, Any]) -> None:
    assert (await gateway.call("POST", "/environments/invalidate", json=body))[0] == 422


async def test_of_another_account_there_is_nothing(gateway: GatewayUnderTest) -> None:
    id = await build(gateway)
    other, _ = await gateway.new_key("other")
    assert (await gateway.call("POST", "/environments/invalidate", json={"ids": [id]}, key=other))[0] == 404
    assert (await gateway.call("GET", "/environments"))[1]["totals"]["count"] == 1


async def test_an_estimate_says_whether_it_is_built(gateway: GatewayUnderTest) -> None:
    asked = {"script": {"path": "hello.py", "sha256": SHA}, "runtime": "python", "environment": packages()}
    none = {**asked, "environment": None}
    assert (await gateway.call("POST", "/estimates", json=none))[1]["environment"] is None
    found = (await gateway.call("POST", "/estimates", json=asked))[1]["environment"]
    assert (found["built"], found["reason"], found["packages"], found["build_ms"]) == (
        False,
        "not built before",
        None,
        None,
    )
    await gateway.store(PINS)
    assert (await gateway.call("POST", "/estimates", json=asked))[1]["environment"]["packages"] == 1
    id = await build(gateway)
    found = (await gateway.call("POST", "/estimates", json=asked))[1]["environment"]
    assert (found["built"], found["packages"], found["build_ms"], found["nodes"]) == (True, 6, 1200, [NODE])
    offer = Offer("local", 1000, 1 << 30, "process", ("python",), targets=(HERE.replace("7", "9"),))
    await gateway.projected(await gateway.command(Ref("grid", "node", NODE), JoinNode("i1", offer)))
    found = (await gateway.call("POST", "/estimates", json=asked))[1]["environment"]
    assert not found["built"] and found["reason"].endswith("the interpreter changed") and found["build_ms"] == 1200
    assert id and SCRIPT
