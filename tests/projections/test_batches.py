"""A batch from its submission to the bill of its last member, as people and services are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from domain.account import commands as account
from domain.batch import commands as b
from domain.batch.events import MemberList
from domain.cost.settlement import settle
from domain.errors import Invalid, NotFound
from domain.execution import commands as c
from domain.execution.events import AttemptResult, Lookup, Reason, RefusedOutput
from domain.execution.job import Job
from domain.files import FileRef, file_set
from domain.memo import memo_key
from domain.pricing import equivalent_micros
from projections.folding import Folding
from projections.listing import Filters
from projections.queries import Queries
from projections.service_queries import ServiceQueries
from projections.store import Projector
from projections.table import Key, Row, Table
from services.runtime.log import Ref
from services.runtime.plain import from_plain
from tests.projections.histories import START_US, World

BATCH = Ref("local", "batch", "batch_000000000001")
SHARED = file_set((FileRef("model.bin", "5a" * 32, 100),))
JOB = Job("python", FileRef("src/a.py", "ab" * 32, 10), shared=SHARED)
MENDED = FileRef("src/a.py", "cd" * 32, 11)
MISS = Lookup("miss", "new")


class BatchWorld(World):
    """One batch of `count` members."""

    def __init__(self, count: int = 4) -> None:
        super().__init__(1)
        self.members = [Ref("local", "execution", f"exec_{number:012d}") for number in range(count)]
        limits = {"parallel": 2, "failures_max": 3}
        self.send(
            BATCH, b.SubmitBatch(MemberList("11" * 32, 400, count), JOB, "f", "nightly", "p", {"k": "v"}, **limits)
        )

    def expand(self) -> None:
        for number, ref in enumerate(self.members):
            own = file_set((FileRef(f"{number}.csv", f"{number:064x}", 5),))
            job = Job("python", JOB.script, inputs=own, shared=SHARED)
            member = {"batch_id": BATCH.id, "member": f"folder/{number}", "project": "p"}
            self.send(ref, c.SubmitExecution(job, "f", memoize=True, **member))
            self.send(ref, c.ResolveExecution(MISS, MISS, MISS))
        self.send(BATCH, b.ExpandBatch(len(self.members)))

    def end(
        self, number: int, status: str = "succeeded", exit_code: int = 0, error: str = "", took_us: int = 3_000_000
    ) -> None:
        """Its next attempt runs for two seconds and is billed."""
        ref, attempt = self.members[number], self.states[self.members[number]].attempt + 1
        self.send(ref, c.AssignExecution(attempt, "cloud-1", "i1", "cx23", self.now_us))
        started_us = self.now_us + took_us // 3
        self.send(ref, c.StartExecution(attempt, "cloud-1", started_us, "process"))
        self.now_us += took_us
        result = AttemptResult(
            status,
            Reason("OK" if status == "succeeded" else "EXIT_CODE", "It ended."),
            exit_code,
            started_at_us=started_us,
            ended_at_us=self.now_us,
            outputs=file_set((FileRef("out.txt", f"{number + 50:064x}", 7),)),
            outputs_refused=(RefusedOutput("link", "a link"),),
            outputs_refused_count=2,
            error_line=error,
        )
        self.send(ref, c.FinishExecution(attempt, "cloud-1", result, self.now_us))


@pytest.fixture
async def world(projector: Projector) -> BatchWorld:
    """Four members: one succeeded, two failed in the same way, one in another."""
    world = BatchWorld()
    world.expand()
    world.end(0)
    world.end(1, "failed", 7, "ValueError: x")
    world.end(2, "failed", 7, "ValueError: x")
    world.end(3, "timed_out", error="KeyError: y")
    world.send(BATCH, b.FinishBatch({}, 0))
    await projector.apply(world.log)
    return world


async def test_it_is_there_before_its_members(queries: Queries, projector: Projector) -> None:
    await projector.apply(BatchWorld().log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["count"], doc["expanded"], doc["sequence"]) == ("queued", 4, False, 1)
    assert (doc["parallel"], doc["failures_max"], doc["tags"], doc["script"]["path"]) == (2, 3, {"k": "v"}, "src/a.py")
    assert set(doc["counts"].values()) == {0}


async def test_what_a_batch_that_ended_says(world: BatchWorld, queries: Queries) -> None:
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["expanded"], doc["round"], doc["reused"]) == ("failed", True, 0, 0)
    assert {status: n for status, n in doc["counts"].items() if n} == {"succeeded": 1, "failed": 2, "timed_out": 1}
    assert (doc["usage"]["run_ms"], doc["duration_ms"]) == (8000, 11_000)
    assert doc["outputs"] == {"count": 4, "size_bytes": 28, "refused": 8}
    assert doc["sequence"] == len(world.log)


async def test_what_short_members_held_is_added_up_before_it_is_rounded(queries: Queries, projector: Projector) -> None:
    """Each of them held a cx23 for less than half a micro-euro's worth."""
    world = BatchWorld(40)
    world.expand()
    for number in range(40):
        world.end(number, took_us=100_000)
        world.send(Ref("local", "cost", world.members[number].id), settle(world.states[world.members[number]]))
    await projector.apply(world.log)
    limits = JOB.limits
    held = equivalent_micros(40 * 100_000, limits.cpu_millis, limits.memory_bytes)
    assert equivalent_micros(100_000, limits.cpu_millis, limits.memory_bytes) == 0 < held
    assert (await queries.get_batch("local", BATCH.id))["cost"]["equivalent_micros"] == held
    bills = await queries.bills("local", "day")
    assert (bills.total.held_us, bills.total.equivalent_micros) == (40 * 100_000, held)


async def test_while_it_runs_and_after_it_was_stopped(queries: Queries, projector: Projector) -> None:
    world = BatchWorld()
    world.expand()
    world.send(BATCH, b.DelayBatch(Reason("NO_NODES", "None is there.")))
    world.end(0, "failed", 1)
    reason = Reason("TOO_MANY_FAILED", "One failed.")
    world.send(BATCH, b.StopBatch(reason, 1, 0))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["stopped"]["code"], doc["waits"]["code"]) == ("running", "TOO_MANY_FAILED", "NO_NODES")
    for ref in world.members[1:]:
        world.send(ref, c.CancelExecution("service:steward", world.now_us))
    world.send(BATCH, b.FinishBatch({}, 0))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["stopped"], doc["waits"]) == ("failed", None, None)
    assert doc["reason"]["code"] == "TOO_MANY_FAILED"


async def test_a_batch_that_was_cancelled(queries: Queries, projector: Projector) -> None:
    world = BatchWorld()
    world.expand()
    world.end(0)
    world.send(BATCH, b.CancelBatch("key:k1"))
    await projector.apply(world.log)
    assert (await queries.get_batch("local", BATCH.id))["cancelling"]
    for ref in world.members[1:]:
        world.send(ref, c.CancelExecution("key:k1", world.now_us))
    world.send(BATCH, b.FinishBatch({}, 0))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["cancelling"], doc["reason"]["code"]) == ("cancelled", False, "CANCELLED")


async def test_one_whose_list_was_lost_has_failed_and_says_so(queries: Queries, projector: Projector) -> None:
    world = BatchWorld()
    world.send(BATCH, b.StopBatch(Reason("MEMBERS_LOST", "The list is gone."), 0, 0))
    world.send(BATCH, b.ExpandBatch(0))
    world.send(BATCH, b.FinishBatch({}, 0))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["reason"]["code"]) == ("failed", "MEMBERS_LOST")
    assert doc["finished_at"] is not None


async def test_a_round_of_retries(
    world: BatchWorld, queries: Queries, services: ServiceQueries, projector: Projector
) -> None:
    world.send(BATCH, b.RetryBatch(("failed",), "key:k1", 0, MENDED))
    for number in (1, 2):
        world.send(world.members[number], c.RetryExecution("key:k1", MENDED))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["round"], doc["finished_at"], doc["counts"]["queued"]) == ("running", 1, None, 2)
    assert doc["script"]["sha256"] == MENDED.sha256
    assert [id for _, id in await services.open_batches()] == [BATCH.id]
    assert await services.batch_member_ids("local", BATCH.id) == [world.members[n].id for n in (1, 2)]
    world.send(BATCH, b.ExpandBatch(2))
    after = (await queries.batch_results("local", BATCH.id)).next_after
    world.end(1)
    world.end(2)
    world.send(BATCH, b.FinishBatch({}, 1))
    await projector.apply(world.log)
    doc = await queries.get_batch("local", BATCH.id)
    assert (doc["status"], doc["counts"]["succeeded"], doc["counts"]["timed_out"]) == ("failed", 3, 1)
    again = await queries.batch_results("local", BATCH.id, after=after)
    assert [(item["index"], item["attempt"]) for item in again.items] == [(1, 2), (2, 2)]
    member = orjson.loads(await queries.get_execution("local", world.members[1].id))
    assert (member["script"]["sha256"], member["error_line"]) == (MENDED.sha256, None)


async def test_members_page_by_page(world: BatchWorld, queries: Queries) -> None:
    page = await queries.batch_members("local", BATCH.id, limit=3)
    rest = await queries.batch_members("local", BATCH.id, limit=3, cursor=page.next_cursor)
    members = [*page.items, *rest.items]
    assert [(item["index"], item["member"]) for item in members] == [(n, f"folder/{n}") for n in range(4)]
    assert rest.next_cursor is None
    assert members[1]["error_line"] == "ValueError: x"
    assert members[1]["reason"] == {"code": "EXIT_CODE", "message": "It ended."}
    failed = await queries.batch_members("local", BATCH.id, status=("failed", "timed_out"))
    assert [item["index"] for item in failed.items] == [1, 2, 3]
    with pytest.raises(Invalid):
        await queries.batch_members("local", BATCH.id, limit=0)


async def test_results_in_the_order_of_the_ends(world: BatchWorld, queries: Queries) -> None:
    page = await queries.batch_results("local", BATCH.id, limit=3)
    assert [item["index"] for item in page.items] == [0, 1, 2]
    assert page.items[0]["outputs"]["entries"][0]["path"] == "out.txt"
    assert page.items[0]["outputs"]["refused"] == 2
    assert page.items[0]["outputs_refused"] == [{"path": "link", "reason": "a link"}]
    assert page.next_after == page.items[-1]["sequence"]
    rest = await queries.batch_results("local", BATCH.id, after=page.next_after)
    assert [item["index"] for item in rest.items] == [3]
    assert (await queries.batch_results("local", BATCH.id, after=rest.next_after)).items == []


async def test_failures_by_cause(world: BatchWorld, queries: Queries) -> None:
    one, other = await queries.batch_failures("local", BATCH.id)
    assert (one["code"], one["exit_code"], one["error_line"], one["count"]) == ("EXIT_CODE", 7, "ValueError: x", 2)
    assert one["example"] == {"id": world.members[1].id, "member": "folder/1"}
    assert (other["error_line"], other["count"]) == ("KeyError: y", 1)


async def test_failures_that_differ_in_what_they_name_are_of_one_cause(queries: Queries, projector: Projector) -> None:
    world = BatchWorld()
    world.expand()
    lines = ["row 17 of folder/0: bad 'x'", "row 2 of folder/1: bad ''", "row 3 of /tmp/x: bad 'zz'", "no header"]
    for number, error in enumerate(lines):
        world.end(number, "failed", 1, error)
    await projector.apply(world.log)
    one, other = await queries.batch_failures("local", BATCH.id)
    assert (one["count"], one["error_line"], one["pattern"]) == (3, lines[0], "row * of *: bad *")
    assert (other["count"], other["error_line"], other["pattern"]) == (1, "no header", "no header")


async def test_ids_and_lists(world: BatchWorld, queries: Queries, projector: Projector) -> None:
    for text in ("batch_0", "@last", "0000", BATCH.id):
        assert await queries.resolve_batch_id("local", text) == BATCH.id
    with pytest.raises(NotFound):
        await queries.resolve_batch_id("other", "@last")
    with pytest.raises(NotFound):
        await queries.get_batch("other", BATCH.id)
    for filters, found in (
        (Filters(), 1),
        (Filters(status="failed", project="p", tags={"k": "v"}, name="nightly", since_us=START_US), 1),
        (Filters(status=("queued", "running")), 0),
        (Filters(until_us=START_US), 0),
    ):
        assert len((await queries.list_batches("local", filters)).items) == found
    runs = await queries.list_executions("local", Filters(batch=BATCH.id, status="failed"))
    assert [orjson.loads(item)["member"] for item in runs.items] == ["folder/2", "folder/1"]


async def test_lists_of_batches_page_by_page(queries: Queries, projector: Projector) -> None:
    world = World()
    for number in range(5):
        world.send(Ref("local", "batch", f"batch_{number}"), b.SubmitBatch(MemberList("11" * 32, 4, 1), JOB, "f"))
    await projector.apply(world.log)
    seen, cursor = [], None
    while True:
        page = await queries.list_batches("local", cursor=cursor, limit=2)
        seen += [orjson.loads(item)["id"] for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"batch_{number}" for number in (4, 3, 2, 1, 0)]


async def test_an_earlier_run_serves(
    world: BatchWorld, queries: Queries, services: ServiceQueries, projector: Any
) -> None:
    first = world.states[world.members[0]].job
    failed = world.states[world.members[1]].job
    found = await services.memo("local", [memo_key(first), memo_key(failed)])
    ((key, (execution_id, plain, *life)),) = found.items()
    assert (key, execution_id) == (memo_key(first), world.members[0].id)
    assert all(life) and await services.memo("other", [key]) == {}
    result = from_plain(AttemptResult, plain)
    assert (result.status, result.outputs.entries[0].path) == ("succeeded", "out.txt")
    again = Ref("local", "execution", "exec_again")
    world.send(again, c.SubmitExecution(first, "f", memoize=True))
    world.send(again, c.ResolveExecution(MISS, MISS, MISS, MISS, c.Reuse(execution_id, result), world.now_us))
    await projector.apply(world.log)
    doc = orjson.loads(await queries.get_execution("local", again.id))
    assert (doc["status"], doc["reused_from"], doc["outputs"]["count"]) == ("succeeded", execution_id, 1)
    assert (doc["started_at"], doc["duration_ms"], doc["attempt"]) == (None, None, 0)
    assert (await services.memo("local", [key]))[key].id == execution_id, "what reused it knows no node"
    ran = await services.durations("local", JOB.script.sha256)
    assert ran is not None and (ran.runs, ran.p10, ran.p50, ran.p90) == (1, 2.0, 2.0, 2.0)
    assert await services.durations("local", "00" * 32) is None


async def test_services_are_told_what_ended(world: BatchWorld, services: ServiceQueries) -> None:
    ended = await services.ended_members("local", BATCH.id)
    assert [(id, status) for id, status, _ in ended] == [
        (ref.id, status)
        for ref, status in zip(world.members, ("succeeded", "failed", "failed", "timed_out"), strict=True)
    ]
    assert [sequence for *_, sequence in ended] == sorted(sequence for *_, sequence in ended)
    assert await services.open_batches() == []
    assert len(await services.batch_member_ids("local", BATCH.id, ("failed",))) == 2


async def test_files_are_kept_as_long_as_the_project_says_today(
    world: BatchWorld, queries: Queries, services: ServiceQueries, projector: Projector
) -> None:
    async def kept_until() -> str:
        doc = orjson.loads(await queries.get_execution("local", world.members[0].id))
        (listed,) = (await queries.list_executions("local", Filters(status="succeeded"))).items
        assert orjson.loads(listed)["kept_until"] == doc["kept_until"]
        return str(doc["kept_until"])

    day_us = 86_400_000_000
    assert await kept_until() == "2025-11-08T08:53:23.000Z"
    assert await services.expired(START_US + 29 * day_us) == []
    assert len(await services.expired(START_US + 31 * day_us)) == 4
    world.send(Ref("local", "account", "local"), account.OpenAccount("local"))
    world.send(Ref("local", "account", "local"), account.SetRetention("p", 1))
    await projector.apply(world.log)
    assert await kept_until() == "2025-10-10T08:53:23.000Z"
    due = await services.expired(START_US + 2 * day_us, limit=3)
    assert [id for _, id, _ in due] == [ref.id for ref in world.members[:3]]


async def test_what_is_shared_is_needed_until_the_last_member_has_gone(
    world: BatchWorld, queries: Queries, services: ServiceQueries, projector: Projector
) -> None:
    script, shared, mine, out = JOB.script.sha256, "5a" * 32, f"{0:064x}", f"{50:064x}"
    hashes = [script, shared, mine, out, "11" * 32, "ff" * 32]
    assert await services.blob_needed("local", hashes) == set(hashes[:-1])
    assert await services.blob_needed("other", hashes) == set()
    assert ("local", "11" * 32, "members") in await services.blob_lists()
    world.send(world.members[0], c.ExpireArtifacts(world.now_us))
    await projector.apply(world.log)
    assert await services.blob_needed("local", hashes) == {script, shared, "11" * 32}
    doc = orjson.loads(await queries.get_execution("local", world.members[0].id))
    assert (doc["artifacts_expired"], doc["kept_until"][:4]) == (True, "2025")
    assert await services.memo("local", [memo_key(world.states[world.members[0]].job)]) == {}
    for ref in world.members[1:]:
        world.send(ref, c.ExpireArtifacts(world.now_us))
    await projector.apply(world.log)
    assert await services.blob_needed("local", hashes) == set()
    assert await services.blob_lists() == []


async def test_a_large_batch_is_one_row_to_write_however_many_events_it_has() -> None:
    async def nothing(_table: Table, _keys: Sequence[Key]) -> list[Row]:
        return []

    world, folding = BatchWorld(300), Folding(nothing)
    world.expand()
    assert await folding.fold(world.log) == []
    assert list(folding.tables["batches"].dirty) == [("local", BATCH.id)]
    row = folding.tables["batches"].rows["local", BATCH.id]
    assert row is not None and (row["queued"], row["members"], row["sequence"]) == (300, 300, len(world.log))
