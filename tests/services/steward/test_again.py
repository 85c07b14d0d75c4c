"""A batch that is retried: who ended as was asked goes again, once; and what was left undone is done by the clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.batch import events as b
from domain.errors import Unavailable
from domain.execution import events as e
from domain.files import FileRef
from services.runtime.bulk import Outcome
from services.runtime.orders import Order
from services.runtime.service import Context
from services.steward import again
from services.steward.orders import STALLED_SECONDS
from tests.services.shell import NOW
from tests.services.steward.city import BATCH, DONE, City
from tests.services.steward.test_halt import CANCELLED, FAILED, RUNNING, STOPPED

MENDED = FileRef("s.py", "c" * 64, 11)
RETRIED = b.BatchRetried(("failed", "lost"), "key:k", MENDED)


@pytest.fixture(params=[False, True], ids=["rows", "no Postgres"])
async def city(request: pytest.FixtureRequest) -> City:
    """Member 0 runs, 1 and 2 have failed, 3 has succeeded."""
    city = await City(4).expanded()
    city.queries.away = request.param
    await city.given(city.member(0), *RUNNING)
    for index, result in ((1, FAILED), (2, FAILED), (3, DONE)):
        await city.given(city.member(index), *RUNNING, e.ExecutionFinished(1, result))
    return city


async def test_who_ended_so_goes_again_with_the_mended_script(city: City) -> None:
    await city.happened(await city.decided(RETRIED))
    assert await city.statuses() == ["running", "queued", "queued", "succeeded"]
    assert [each.job.script == MENDED for each in await city.members() if each.job] == [False, True, True, False]
    assert (await city.events(BATCH))[-1] == b.BatchExpanded(2)


async def test_a_retry_that_a_crash_cut_in_two_counts_both_parts(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even those of the first part that have ended since."""
    monkeypatch.setattr(again, "PAGE", 1)
    retried = await city.decided(RETRIED)
    handle_all = Context.handle_all

    async def killed(context: Context, orders: Sequence[Order]) -> list[Outcome]:
        if orders[0].ref == city.member(2):
            raise Unavailable("It was killed.")
        return await handle_all(context, orders)

    monkeypatch.setattr(Context, "handle_all", killed)
    with pytest.raises(Unavailable):
        await city.happened(retried)
    monkeypatch.setattr(Context, "handle_all", handle_all)
    await city.given(city.member(1), e.ExecutionAssigned(2, "n1", "i1", "local", NOW), e.ExecutionFinished(2, DONE))
    city.now_us += 5_000_000
    await city.happened(retried)
    assert (await city.events(BATCH))[-1] == b.BatchExpanded(2)


async def test_who_failed_again_is_not_retried_twice(city: City) -> None:
    retried = await city.decided(RETRIED)
    await city.happened(retried)
    await city.given(city.member(1), e.ExecutionAssigned(2, "n1", "i1", "local", NOW), e.ExecutionFinished(2, FAILED))
    await city.happened(retried)
    assert (await city.statuses())[1] == "failed"


async def test_half_a_retry_is_carried_to_its_end(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    retried = await city.decided(RETRIED)
    append = city.log.append

    async def cut(*_: object) -> list[int]:
        raise Unavailable("NATS is away.")

    monkeypatch.setattr(city.log, "append", cut)  # the batch's own word, after the members'
    with pytest.raises(Unavailable):
        await city.happened(retried)
    monkeypatch.setattr(city.log, "append", append)
    assert (await city.batch()).phase == "submitted"
    await city.given(city.member(2), e.ExecutionAssigned(2, "n1", "i1", "local", NOW), e.ExecutionFinished(2, FAILED))
    await city.happened(retried)
    assert await city.statuses() == ["running", "queued", "failed", "succeeded"]
    assert (await city.batch()).phase == "open"


async def test_whose_files_are_gone_does_not_go_again_and_stops_no_other(city: City) -> None:
    await city.given(city.member(1), e.ExecutionArtifactsExpired(NOW))
    await city.happened(await city.decided(RETRIED))
    assert await city.statuses() == ["running", "failed", "queued", "succeeded"]
    assert (await city.batch()).phase == "open"


async def test_a_cancel_behind_a_retry_has_the_last_word(city: City) -> None:
    for recorded in [await city.decided(RETRIED), await city.decided(CANCELLED)]:
        await city.happened(recorded)
    assert await city.statuses() == ["running", "cancelled", "cancelled", "succeeded"]


async def test_a_retry_behind_a_stop_has_the_last_word(city: City) -> None:
    recorded = [await city.decided(STOPPED), await city.decided(b.BatchRetried(("failed",), "key:k"))]
    for each in recorded:
        await city.happened(each)
    assert await city.statuses() == ["running", "queued", "queued", "succeeded"]


@pytest.mark.parametrize("event", [RETRIED, CANCELLED, STOPPED])
async def test_what_was_left_undone_is_done_by_the_clock(event: b.BatchEvent) -> None:
    city = City(4)
    await city.decided(city.submitted)
    await city.steward.redrive_batch(city.context(), BATCH)
    assert (await city.batch()).phase == "submitted"
    city.now_us += int(STALLED_SECONDS * 1e6) + 1
    await city.steward.redrive_batch(city.context(), BATCH)
    assert (await city.batch()).phase == "open"
    await city.given(city.member(1), *RUNNING, e.ExecutionFinished(1, FAILED))
    recorded = await city.decided(event)
    city.now_us += int(STALLED_SECONDS * 1e6) + 1
    before = await city.log.last_position()
    await city.steward.redrive_batch(city.context(), BATCH)
    done = await city.log.last_position()
    assert done > before
    await city.steward.redrive_batch(city.context(), BATCH)
    await city.happened(recorded)
    assert await city.log.last_position() == done
