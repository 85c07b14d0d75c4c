"""What the gateway and the services ask, on a real Postgres."""

from __future__ import annotations

import orjson
import pytest

from domain.account.commands import IssueKey, OpenAccount, RevokeKey
from domain.errors import Invalid, NotFound
from domain.execution import commands as c
from domain.execution.job import Job
from domain.files import FileRef
from domain.node.commands import JoinNode, LoseNode
from domain.node.offer import Offer
from projections.bills import Bill
from projections.listing import Filters
from projections.queries import Queries
from projections.service_queries import Seen, ServiceQueries
from projections.store import Projector
from services.runtime.log import Ref
from tests.projections.histories import World


def ref(name: str, account: str = "local") -> Ref:
    return Ref(account, "execution", f"exec_{name}")


def job(path: str = "src/a.py", content: str = "aa") -> Job:
    return Job("python", FileRef(path, content * 32, 1))


async def listed(queries: Queries, filters: Filters) -> list[str]:
    page = await queries.list_executions("local", filters)
    return [orjson.loads(item)["id"].removeprefix("exec_") for item in page.items]


@pytest.fixture
async def world(projector: Projector) -> World:
    """Four runs: two scripts, two projects, some tags; the last one of another account."""
    world = World()
    world.lifecycle(ref("aa1"), job(), tags={"model": "x", "run": "1"}, name="first", project="p")
    world.lifecycle(ref("ab2"), job(), tags={"model": "x"}, project="p")
    world.send(ref("cc3"), c.SubmitExecution(job("b.py", "bb"), "f", tags={"model": "y"}))
    world.lifecycle(ref("dd4", "other"), job())
    await projector.apply(world.log)
    return world


async def test_get_passes_the_document_through(world: World, queries: Queries) -> None:
    doc = orjson.loads(await queries.get_execution("local", "exec_aa1"))
    assert (doc["status"], doc["schema_version"]) == ("succeeded", 1)
    with pytest.raises(NotFound):
        await queries.get_execution("local", "exec_dd4")


@pytest.mark.parametrize(
    "text, found",
    [("exec_aa1", "aa1"), ("aa", "aa1"), ("exec_c", "cc3"), ("EXEC_CC3", "cc3"), ("@last", "cc3")],
)
async def test_ids_by_prefix(world: World, queries: Queries, text: str, found: str) -> None:
    assert await queries.resolve_id("local", text) == f"exec_{found}"


@pytest.mark.parametrize(
    "text, error", [("a", Invalid), ("dd", NotFound), ("", NotFound), ("%", NotFound), ("exec_", NotFound)]
)
async def test_ids_that_name_nothing_or_too_much(world: World, queries: Queries, text: str, error: type) -> None:
    with pytest.raises(error):
        await queries.resolve_id("local", text)


async def test_last_of_an_empty_account(world: World, queries: Queries) -> None:
    with pytest.raises(NotFound):
        await queries.resolve_id("nobody", "@last")


@pytest.mark.parametrize(
    "filters, found",
    [
        (Filters(), ["cc3", "ab2", "aa1"]),
        (Filters(status="queued"), ["cc3"]),
        (Filters(status=("queued", "succeeded")), ["cc3", "ab2", "aa1"]),
        (Filters(project="p"), ["ab2", "aa1"]),
        (Filters(tags={"model": "x"}), ["ab2", "aa1"]),
        (Filters(tags={"model": "x", "run": "1"}), ["aa1"]),
        (Filters(name="first"), ["aa1"]),
        (Filters(name="nul\x00"), []),
        (Filters(script="a.py"), ["ab2", "aa1"]),
        (Filters(script="src/a.py"), ["ab2", "aa1"]),
        (Filters(script="bb" * 32), ["cc3"]),
        (Filters(since_us=2**62), []),
        (Filters(until_us=2**62), ["cc3", "ab2", "aa1"]),
        (Filters(batch="batch_1"), []),
    ],
)
async def test_filters(world: World, queries: Queries, filters: Filters, found: list[str]) -> None:
    assert await listed(queries, filters) == found


async def test_pages_stay_put_while_new_ones_arrive(queries: Queries, projector: Projector) -> None:
    world = World()
    for number in range(7):
        world.send(ref(f"{number}"), c.SubmitExecution(job(), "f"))
    await projector.apply(world.log)
    seen: list[str] = []
    cursor: str | None = None
    for number in range(20):
        page = await queries.list_executions("local", cursor=cursor, limit=2)
        body = orjson.loads(page.body())
        seen += [item["id"] for item in body["items"]]
        world.send(ref(f"new{number}"), c.SubmitExecution(job(), "f"))
        await projector.apply(world.log)
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"exec_{number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize("cursor", ["", "x", "zzzz", "ü", "czEyMw==x"])
async def test_cursors_never_given_out(queries: Queries, projector: Projector, cursor: str) -> None:
    with pytest.raises(Invalid):
        await queries.list_executions("local", cursor=cursor)


@pytest.mark.parametrize("limit", [0, 201])
async def test_limits(queries: Queries, limit: int) -> None:
    with pytest.raises(Invalid):
        await queries.list_executions("local", limit=limit)


async def test_bills(world: World, queries: Queries) -> None:
    by_tag = {bill.group: bill for bill in (await queries.bills("local", "tag:run")).groups}
    assert set(by_tag) == {"1", "(none)"}
    total = (await queries.bills("local")).total
    assert (await queries.bills("local")).groups == [total]
    assert total.executions == total.attempts == 2
    assert total.charged_micros == sum(bill.charged_micros for bill in by_tag.values()) > 0
    assert [bill.group for bill in (await queries.bills("local", "tag")).groups] == ["model=x", "model=x run=1"]
    assert [bill.group for bill in (await queries.bills("local", "script")).groups] == ["src/a.py"]
    nothing = await queries.bills("local", "day", since_us=2**62)
    assert (nothing.groups, nothing.total) == ([], Bill("", 0, 0, 0, 0, 0))
    (line,) = await queries.charges("local", "exec_aa1")
    assert (line.attempt, line.node_type, line.charged_micros * 2) == (1, "cx23", total.charged_micros)
    with pytest.raises(Invalid):
        await queries.bills("local", "colour")


async def test_a_total_counts_what_is_cut_off(world: World, queries: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await queries.bills("local", "tag")
    monkeypatch.setattr("projections.bills.GROUPS_MAX", 1)
    cut = await queries.bills("local", "tag")
    assert (len(cut.groups), cut.cut, whole.cut) == (1, True, False)
    assert cut.total == whole.total


async def test_what_the_services_ask(world: World, services: ServiceQueries) -> None:
    assert await services.open_executions() == [("local", "exec_cc3")]
    assert await services.unresolved_executions(2**62) == [("local", "exec_cc3")]
    assert await services.unsettled_executions(2**62) == []
    assert await services.history_seconds("local", "aa" * 32) == 90.0
    assert await services.history_seconds("local", "bb" * 32) is None
    new = await services.seen("local", "src/a.py", "aa" * 32, {"aa" * 32}, before=1)
    assert new == Seen(False, False, frozenset())
    changed = await services.seen("local", "src/a.py", "cc" * 32, {"aa" * 32, "dd" * 32}, before=10**6)
    assert changed == Seen(False, True, frozenset({"aa" * 32}))


async def test_leased_and_unsettled(services: ServiceQueries, projector: Projector) -> None:
    world = World()
    world.send(ref("a"), c.SubmitExecution(job(), "f"))
    world.send(ref("a"), c.CancelExecution("key:k", world.now_us))
    world.lifecycle(ref("b"), job())
    world.send(ref("b"), c.RetryExecution("key:k"))
    world.send(ref("b"), c.AssignExecution(2, "n1", "i1", "local", world.now_us))
    await projector.apply(world.log)
    assert await services.leased_executions() == {"n1": [("local", "exec_b")]}
    assert await services.unsettled_executions(2**62) == [("local", "exec_a")]


async def test_nodes_and_keys(queries: Queries, projector: Projector) -> None:
    world = World()
    joined = JoinNode("i1", Offer("local", 2000, 4 << 30, "process", ("python", "sh"), "1", {"zone": "a"}))
    for name in ("n1", "n2"):
        world.send(Ref("grid", "node", name), joined)
    world.send(Ref("grid", "node", "n2"), LoseNode("i1", 40.0))
    account = Ref("local", "account", "local")
    for command in (
        OpenAccount("Me"),
        IssueKey("k1", "ee" * 32, "mine"),
        IssueKey("k2", "ff" * 32, ""),
        RevokeKey("k2"),
    ):
        world.send(account, command)
    await projector.apply(world.log)
    assert [(node["id"], node["status"]) for node in await queries.nodes()] == [("n1", "joined"), ("n2", "lost")]
    assert {name: node.offer.runtimes for name, node in (await queries.nodes_joined()).items()} == {
        "n1": ("python", "sh")
    }
    assert set(await queries.nodes_lost()) == {"n2"}
    key = await queries.key("k1")
    assert key is not None and (key.account, key.secret_sha256, key.revoked_at_us) == ("local", "ee" * 32, None)
    assert [(key.key_id, key.revoked_at_us is None) for key in await queries.keys("local")] == [
        ("k1", True),
        ("k2", False),
    ]
    assert await queries.key("k3") is None
