"""F17: cancel, retry, finish and stop in every order, with a steward that dies at any append: one end, by the rule."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.batch import events as b
from domain.execution import events as e
from services.runtime.service import Context
from services.steward import halt
from tests.services.steward.city import BATCH
from tests.services.steward.promises import check
from tests.services.steward.simulation import World

HISTORIES = 200


async def faults(histories: int, looking_for: str = "") -> dict[str, int]:
    """The promises that histories break, each with the first seed that does; no further than the one looked for."""
    found: dict[str, int] = {}
    for seed in range(histories):
        try:
            await check(await World(seed).run())
        except AssertionError as fault:
            found.setdefault(str(fault).splitlines()[0], seed)
            if looking_for in found:
                break
    return found


async def test_no_history_breaks_a_promise() -> None:
    assert await faults(HISTORIES) == {}, "see one with: python -m tests.services.steward.simulation SEED"


async def test_the_histories_are_wild_enough() -> None:
    worlds = [await World(seed).run() for seed in range(100)]
    seen: set[type] = set()
    codes: set[str] = set()
    for world in worlds:
        for ref in (BATCH, *world.refs):
            for event in await world.events(ref):
                seen.add(type(event))
                if isinstance(event, e.ExecutionFinished):
                    codes.add(event.result.reason.code)
    assert {b.BatchStopped, b.BatchCancelRequested, b.BatchRetried, b.BatchFinished} <= seen
    assert {e.ExecutionAttemptFailed, e.ExecutionCancelRequested, e.ExecutionRetried} <= seen
    assert {"CANCELLED", "BATCH_STOPPED", "SUCCEEDED", "FAILED"} <= codes


async def test_the_same_seed_is_the_same_history() -> None:
    one, other = await World(7).run(), await World(7).run()
    assert await one.events(BATCH) == await other.events(BATCH)


async def test_commands_that_are_new_at_every_delivery_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "_command_id", lambda *_: uuid4().hex)
    fault = "retried twice by one decision"
    assert fault in await faults(600, fault)


async def test_a_cancel_that_does_not_look_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halt, "_meant", lambda item, history: True)
    fault = "an earlier cancel had the last word"
    assert fault in await faults(600, fault)
