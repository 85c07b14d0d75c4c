"""A batch that is cancelled or stopped: who is open ends, who comes back to the queue does not start, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from domain.batch import events as b
from domain.cost.events import CostFinalized
from domain.execution import events as e
from domain.execution.commands import CancelExecution
from services.runtime.log import Ref
from services.steward import halt
from tests.services.shell import NOW
from tests.services.steward.city import City

CANCELLED, EXPANDED = b.BatchCancelRequested("key:k"), b.BatchExpanded(4)
STOPPED = b.BatchStopped(e.Reason("FAILURES_MAX", "2 members failed."), 2)
FINISHED, RETRIED = b.BatchFinished({"cancelled": 4}), b.BatchRetried(("cancelled",), "key:k")
RUNNING = (e.ExecutionAssigned(1, "n1", "i1", "local", NOW), e.ExecutionStarted(1, "n1", NOW))
FAILED = e.AttemptResult("failed", e.Reason("EXIT_CODE", "It failed."), exit_code=1)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halt, "PAGE", 2)


@pytest.fixture(params=[False, True], ids=["rows", "no Postgres"])
async def city(request: pytest.FixtureRequest) -> City:
    """Member 0 runs, 1 has failed, 2 and 3 wait."""
    city = await City(4).expanded()
    city.queries.away = request.param
    await city.given(city.member(0), *RUNNING)
    await city.given(city.member(1), *RUNNING, e.ExecutionFinished(1, FAILED))
    return city


async def kinds(city: City, index: int) -> list[str]:
    return [type(each).__name__ for each in await city.events(city.member(index))]


async def billed(city: City) -> list[int]:
    """Whose bill is closed."""
    bills = [await city.events(Ref("a", "cost", city.member(index).id)) for index in range(4)]
    return [index for index, events in enumerate(bills) if any(isinstance(each, CostFinalized) for each in events)]


async def test_a_cancel_ends_who_waits_and_kills_who_runs(city: City) -> None:
    await city.happened(await city.decided(CANCELLED))
    assert await city.statuses() == ["running", "failed", "cancelled", "cancelled"]
    assert (await city.members())[0].cancelling
    (last,) = (await city.events(city.member(3)))[2:]
    assert (last.result.reason.code, last.attempt) == ("CANCELLED", 0)
    assert await billed(city) == [2, 3]


async def test_a_stop_leaves_who_runs_alone(city: City) -> None:
    await city.happened(await city.decided(STOPPED))
    assert await city.statuses() == ["running", "failed", "cancelled", "cancelled"]
    assert not (await city.members())[0].cancelling
    (last,) = (await city.events(city.member(2)))[2:]
    assert last.result.reason.code == "BATCH_STOPPED" and "2 members failed" in last.result.reason.message


async def test_who_was_assigned_in_the_same_moment_is_not_stopped(city: City) -> None:
    """What the handler remembers says that it waits; the log knows better."""
    other = type(city.shell.handler)(city.log)
    city.shell.handler, remembered = other, city.shell.handler
    await city.given(city.member(2), *RUNNING)
    city.shell.handler = remembered
    await city.happened(await city.decided(STOPPED))
    assert await city.statuses() == ["running", "failed", "running", "cancelled"]
    assert not (await city.members())[2].cancelling
    assert await billed(city) == [3]


async def test_another_attempt_of_one_that_was_running_is_not_stopped(city: City) -> None:
    stop = await city.decided(STOPPED)
    await city.given(city.member(0), e.ExecutionAttemptFailed(1, FAILED, False, NOW))
    await city.happened(stop)
    assert await city.statuses() == ["queued", "failed", "cancelled", "cancelled"]
    assert await billed(city) == [2, 3]


async def test_another_attempt_of_one_that_was_running_is_cancelled(city: City) -> None:
    cancel = await city.decided(CANCELLED)
    await city.given(city.member(0), e.ExecutionAttemptFailed(1, FAILED, False, NOW))
    await city.happened(cancel)
    assert await city.statuses() == ["cancelled", "failed", "cancelled", "cancelled"]


@pytest.mark.parametrize("halting", [CANCELLED, STOPPED])
async def test_who_was_in_the_queue_again_before_is_reached(city: City, halting: Any) -> None:
    await city.given(city.member(0), e.ExecutionAttemptFailed(1, FAILED, False, NOW))
    await city.given(city.member(1), e.ExecutionRetried("key:k"))
    await city.happened(await city.decided(halting))
    assert set(await city.statuses()) == {"cancelled"}


@pytest.mark.parametrize("halting", [CANCELLED, STOPPED])
async def test_who_was_retried_since_has_the_last_word(city: City, halting: Any) -> None:
    halted = await city.decided(halting)
    await city.given(city.member(1), e.ExecutionRetried("key:k"))
    await city.happened(halted)
    assert (await city.statuses())[1] == "queued"


async def test_a_cancel_that_is_delivered_once_more_after_the_end_touches_nobody(city: City) -> None:
    """F7: the consumer was deleted, and all of history comes again."""
    cancel = await city.decided(CANCELLED)
    await city.happened(cancel)
    await city.decided(FINISHED)
    await city.given(city.member(2), e.ExecutionRetried("key:k"))
    await city.happened(cancel)
    assert (await city.statuses())[2] == "queued"


async def test_a_cancel_that_was_overtaken_by_a_retry_spares_who_was_opened_again(city: City) -> None:
    cancel = await city.decided(CANCELLED)
    await city.shell.handler.handle(
        city.member(2), CancelExecution("key:k", NOW), command_id="half of it", actor="service:steward"
    )
    await city.decided(RETRIED)
    await city.given(city.member(2), e.ExecutionRetried("key:k"))
    await city.happened(cancel)
    assert await city.statuses() == ["running", "failed", "queued", "cancelled"]
    await city.decided(EXPANDED)
    await city.given(city.member(3), e.ExecutionRetried("key:k"))
    await city.happened(cancel)
    assert (await city.statuses())[3] == "queued"
