"""From one line in the log to all members: in order, resolved, estimated, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain.batch import events as b
from domain.cost import events as cost
from domain.environment.lookup import Made
from domain.errors import NotFound, Unavailable
from domain.execution import events as e
from domain.execution.job import Environment
from domain.files import FileRef
from domain.memo import memo_key
from services.runtime.log import Commit, Ref
from services.steward import expand as module
from tests.services.steward.city import BATCH, DONE, JOB, City


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 4)


async def everything(city: City) -> list[Commit]:
    return [recorded.commit async for page in city.log.read() for recorded in page]


async def test_every_member_is_an_execution_of_its_own_in_the_order_of_the_list() -> None:
    city = await City(10, project="p", tags={"k": "v"}, priority=7).expanded()
    submitted = [each.events[0] for each in await everything(city) if each.ref.aggregate == "execution"]
    assert [each.member for each in submitted] == [f"d/{n}" for n in range(10)]
    first: e.ExecutionSubmitted = submitted[0]
    assert first.job.args == ("--fast", "0.csv")
    assert [each.path for each in first.job.inputs.entries] == ["0.csv"]
    assert (first.batch_id, first.project, first.tags, first.priority) == (BATCH.id, "p", {"k": "v"}, 7)
    assert (await city.batch()).phase == "open"


async def test_a_member_is_resolved_and_estimated_as_it_is_written() -> None:
    city = await City(2).expanded()
    (commit,) = (await city.log.load(city.member(1))).commits
    assert [type(each) for each in commit.commit.events] == [e.ExecutionSubmitted, e.ExecutionCached]
    assert (await city.events(city.member(0)))[1].inputs.reason == "1 input used before, unchanged"
    assert (await city.events(city.member(1)))[1].inputs.result == "miss"
    (estimated,) = await city.events(Ref("a", "cost", city.member(1).id))
    assert isinstance(estimated, cost.CostEstimated) and estimated.seconds == 2.0


async def test_a_batch_that_was_cut_off_is_written_to_its_end_and_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for left in range(6):
        city = City(10)
        recorded = await city.decided(city.submitted)
        append_all = city.log.append_all
        calls = iter(range(left, -1, -1))

        async def cut(commits: Sequence[Any], append_all: Any = append_all, calls: Any = calls) -> list[int]:
            if next(calls, 0) == 0:
                raise Unavailable("NATS is away.")
            return list(await append_all(commits))

        monkeypatch.setattr(city.log, "append_all", cut)
        if left < 3:
            with pytest.raises(Unavailable):
                await city.happened(recorded)
        monkeypatch.setattr(city.log, "append_all", append_all)
        city.shell.handler = type(city.shell.handler)(city.log)
        await city.happened(recorded)
        refs = [each.ref for each in await everything(city)]
        assert len(refs) == len(set(refs)) + 1 == 22  # the batch twice: submitted and expanded
        assert (await city.batch()).phase == "open"


async def test_a_member_for_which_an_earlier_run_serves_ends_at_once_and_costs_nothing() -> None:
    city = City(2, memoize=True)
    job = replace(JOB, args=("--fast", "1.csv"))
    same = (await _job_of(1)).job
    assert same.args == job.args
    city.queries.memos = {memo_key(same): ("exec_earlier", DONE)}
    await city.expanded()
    submitted, cached, finished = await city.events(city.member(1))
    assert (cached.memo.result, finished.reused_from, finished.attempt) == ("hit", "exec_earlier", 0)
    assert submitted.memoize
    estimated, bill = await city.events(Ref("a", "cost", city.member(1).id))
    assert (estimated.estimated_micros, bill.total_micros, bill.charges) == (0, 0, ())
    assert (await city.members())[0].phase == "queued"


async def test_a_miss_says_in_what_it_differs_from_the_last_run() -> None:
    earlier = await _job_of(0)
    city = City(2, memoize=True)
    city.queries.last = "exec_last"
    await city.given(Ref("a", "execution", "exec_last"), earlier)
    await city.expanded()
    first, second = [(await city.events(city.member(index)))[1].memo for index in range(2)]
    assert "did not succeed" in first.reason
    assert second.reason == "other inputs and arguments than the last run of s.py, exec_last"


async def test_a_member_that_is_refused_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    city = City(4)
    stranger = replace(await _job_of(1), fingerprint="another", batch_id="")
    await city.given(city.member(1), stranger)
    await city.expanded()
    assert (await city.events(BATCH))[-1] == b.BatchExpanded(3)
    assert city.member(1).id in caplog.text
    assert [each.batch_id for each in await city.members()] == [BATCH.id, "", BATCH.id, BATCH.id]


async def test_a_batch_whose_list_is_gone_ends_with_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says why, where people look."""
    for written in (0, 4):
        city = City(10)
        recorded = await city.decided(city.submitted)
        if written:
            append_all, calls = city.log.append_all, iter((False, True))

            async def cut(commits: Sequence[Any], append_all: Any = append_all, calls: Any = calls) -> list[int]:
                if next(calls):
                    raise Unavailable("NATS is away.")
                return list(await append_all(commits))

            monkeypatch.setattr(city.log, "append_all", cut)
            with pytest.raises(Unavailable):
                await city.happened(recorded)
            monkeypatch.setattr(city.log, "append_all", append_all)
        monkeypatch.setattr(city.shell.store, "open", gone)
        await city.happened(recorded)
        _, stopped, expanded = await city.events(BATCH)
        assert (stopped.reason.code, expanded.count) == ("MEMBERS_LOST", written)
        state = await city.batch()
        assert (state.phase, state.count, state.halted) == ("open", written, True)


async def gone(account: str, sha256: str) -> AsyncIterator[bytes]:
    raise NotFound("There is no such blob.")
    yield b""


async def _job_of(index: int) -> e.ExecutionSubmitted:
    city = await City(index + 1).expanded()
    submitted: e.ExecutionSubmitted = (await city.events(city.member(index)))[0]
    return submitted


async def test_the_environment_of_all_members_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(9)
    packages = Environment("python", FileRef("requirements.lock", "b" * 64, 9), "requirements.txt")
    city.submitted = replace(city.submitted, job=replace(JOB, environment=packages))
    asked = []

    async def made_of(account: str, kind: str, lock: str, builds: bool) -> list[Made]:
        asked.append(lock)
        return [Made("env_1", "cpython-3.11.7-linux-x86_64", 6)]

    async def nodes_joined() -> dict[str, Any]:
        return {}

    monkeypatch.setattr(city.queries, "made_of", made_of, raising=False)
    monkeypatch.setattr(city.queries, "nodes_joined", nodes_joined, raising=False)
    await city.happened(await city.decided(city.submitted))
    said = {(await city.events(city.member(index)))[1].environment for index in range(9)}
    assert said == {e.Lookup("hit", "6 packages of requirements.txt, built before")}
    assert asked == ["b" * 64]
