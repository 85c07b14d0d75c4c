"""What goes wrong with one batch stops no other, and few lists are in memory at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from services.runtime.log import Ref
from services.runtime.service import EventItem
from services.steward import orders
from tests.services.steward.city import BATCH, City


async def test_a_batch_that_cannot_be_carried_out_at_all_does_not_starve_those_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = City(2)
    await city.decided(city.submitted)
    odd = Ref("a", "batch", "batch_0")
    await city.given(odd, city.submitted)
    city.now_us += int(2 * orders.STALLED_SECONDS * 1e6)

    async def expand(context: Any, item: EventItem) -> None:
        if item.ref == odd:
            raise RecursionError("Nobody thought of it.")
        await real(context, item)

    real = orders._REACTIONS[type(city.submitted)]
    monkeypatch.setitem(orders._REACTIONS, type(city.submitted), expand)
    for row in [SimpleNamespace(account="a", id="batch_0"), SimpleNamespace(account="a", id=BATCH.id)]:
        await city.steward.redrive_batch(city.context(), Ref(row.account, "batch", row.id))
    assert (await city.batch()).phase == "open"


async def test_few_lists_are_read_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(2)
    now, most = 0, 0
    real = city.shell.store.open

    async def open(account: str, sha256: str) -> AsyncIterator[bytes]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(20):
            await asyncio.sleep(0)
        async for piece in real(account, sha256):
            yield piece
        now -= 1

    monkeypatch.setattr(city.shell.store, "open", open)
    refs = [Ref("a", "batch", f"batch_{number}") for number in range(6)]
    items = []
    for ref in refs:
        recorded = await city.given(ref, city.submitted)
        items.append(EventItem(city.submitted, recorded, f"{recorded.position}.0"))
    await asyncio.gather(*(city.steward.react(city.context(item), item) for item in items))
    assert most == orders.EXPANDED_AT_ONCE
    assert [(await city.context().load(ref))[0].phase for ref in refs] == ["open"] * 6
