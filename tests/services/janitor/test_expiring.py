"""What is past its time is recorded as gone: once, by the policy of its project, and nothing that is needed again."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import WrongState
from domain.execution.commands import RetryExecution
from domain.execution.events import ExecutionArtifactsExpired
from domain.execution.job import Job
from domain.retention import DAY_US, DAYS_DEFAULT
from services.janitor import expiring
from tests.gateway.conftest import chunk_payload
from tests.services.janitor.conftest import END_US, House, ref


async def gone(house: House, execution: str) -> list[ExecutionArtifactsExpired]:
    history = await house.context().log.load(ref(execution))
    events = [event for each in history.commits for event in each.commit.events]
    return [event for event in events if isinstance(event, ExecutionArtifactsExpired)]


async def test_after_thirty_days_it_is_gone_once(house: House) -> None:
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = DAYS_DEFAULT - 0.001
    assert await house.expire() == 0
    house.days = DAYS_DEFAULT
    assert await house.expire() == 1
    assert await house.expire() == 0
    assert await gone(house, "exec_a") == [ExecutionArtifactsExpired(END_US + DAYS_DEFAULT * DAY_US)]


async def test_a_project_may_keep_longer_or_shorter(house: House) -> None:
    job = Job("python", await house.file("a.py"))
    for project in ("short", "long", "other"):
        await house.run(f"exec_{project}", job, project=project)
    await house.keep("short", 7)
    await house.keep("long", 365)
    house.days = 8
    assert await house.expire() == 1
    assert await gone(house, "exec_short")
    house.days = 100
    assert await house.expire() == 1
    assert not await gone(house, "exec_long")


async def test_who_prolongs_at_the_last_moment_keeps_all(house: House) -> None:
    await house.run("exec_a", Job("python", await house.file("a.py")), project="thesis")
    house.days = 31
    await house.keep("thesis", 90)
    assert await house.expire() == 0


async def test_what_is_open_is_never_due(house: House) -> None:
    job = Job("python", await house.file("a.py"))
    await house.submit("exec_waits", job)
    await house.run("exec_again", job)
    await house.command("exec_again", RetryExecution("me"))
    house.days = 1000
    assert await house.expire() == 0


async def test_a_retry_that_comes_first_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read model said that it is due; in the log it was retried meanwhile."""
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = 31
    due = house.queries.expired

    async def late(now_us: int, *, limit: int) -> list[tuple[str, str, int]]:
        if found := await due(now_us, limit=limit):
            await house.command("exec_a", RetryExecution("me"))
        return found

    monkeypatch.setattr(type(house.queries), "expired", lambda _self, now_us, limit: late(now_us, limit=limit))
    assert await house.expire() == 0
    assert not await gone(house, "exec_a")


async def test_a_retry_that_comes_later_is_refused_by_name(house: House) -> None:
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = 31
    assert await house.expire() == 1
    with pytest.raises(WrongState) as refused:
        await house.command("exec_a", RetryExecution("me"))
    assert refused.value.code == "ARTIFACTS_EXPIRED"


async def test_two_janitors_record_it_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "PAGE", 3)
    job = Job("python", await house.file("a.py"))
    for number in range(10):
        await house.run(f"exec_{number}", job)
    house.days = 31
    await asyncio.gather(house.expire(), house.expire(), house.expire())
    for number in range(10):
        assert len(await gone(house, f"exec_{number}")) == 1


async def test_what_cannot_be_recorded_holds_up_nothing_behind_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a page of those that ended first are refused, and are due again each time."""
    monkeypatch.setattr(expiring, "PAGE", 2)
    job = Job("python", await house.file("a.py"))
    for number in range(8):
        await house.run(f"exec_{number}", job)
    house.days = 31
    known = house.queries.expired
    refused = await known(house.context().now_us(), limit=3)
    for _, execution, _ in refused:
        await house.command(execution, RetryExecution("me"))

    async def with_the_refused(now_us: int, *, limit: int) -> list[tuple[str, str, int]]:
        return [*refused, *await known(now_us, limit=limit)][:limit]

    monkeypatch.setattr(
        type(house.queries), "expired", lambda _self, now_us, limit: with_the_refused(now_us, limit=limit)
    )
    assert await house.expire() == 5
    assert await house.expire() == 0
    for number in range(8):
        execution = f"exec_{number}"
        assert len(await gone(house, execution)) == (0 if execution in [each[1] for each in refused] else 1)


async def test_the_log_goes_from_its_stream_too(house: House) -> None:
    job = Job("python", await house.file("a.py"))
    for execution in ("exec_a", "exec_b"):
        await house.run(execution, job, chunks=1, project=execution)
        await house.gateway.print(execution, chunk_payload(1, b"hello\n"))
    await house.keep("exec_b", 365)
    house.days = 31
    assert await house.expire() == 1
    state = (await house.gateway.bus.api("STREAM.INFO.LOGS", {"subjects_filter": ">"}))["state"]
    assert [subject.rpartition(".")[2] for subject in state["subjects"]] == ["exec_b"]
