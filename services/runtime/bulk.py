"""Many commands of as many aggregates at once: decided together, appended in atomic appends, each at its expected position.

What is cached of an aggregate is believed until an append says otherwise. When one of a thousand has moved meanwhile,
the append is halved until the one is found; that one goes the way of a single command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.catalog import AGGREGATES
from domain.errors import Conflict, DamagedHistory, HistoryLost, Refused
from services.runtime.handle import Handler
from services.runtime.log import APPEND_ALL_MAX, Commit
from services.runtime.orders import Folded, Handled, Order, decided

DECIDED_AT_ONCE = 100
"""So many are decided on, or noted, before others of this process may go on."""
Outcome = Handled | Refused | DamagedHistory


@dataclass(slots=True)
class Pending:
    """An order that yields events, on its way into the log; `number` is its place among all orders, `state` what follows."""

    number: int
    order: Order
    folded: Folded
    commit: Commit
    state: Any


async def handle_all(
    handler: Handler, orders: Sequence[Order], *, actor: str, cause: int = 0, now_us: int | None = None
) -> list[Outcome]:
    """What each order came to, in their order; a refusal or a damaged history is an outcome and stops no other.

    Orders are for different aggregates. APPEND_ALL_MAX of them become events all or none, in their order; so what a
    crash cuts off is an end. Repeating it with the same command ids adds nothing. Raises Conflict, Unavailable,
    HistoryLost; what was appended until then stays.
    """
    at_us = time.time_ns() // 1000 if now_us is None else now_us
    bulk = Bulk(handler, actor, cause, at_us)
    outcomes: list[Outcome] = []
    for start in range(0, len(orders), APPEND_ALL_MAX):
        outcomes += await bulk.chunk(orders[start : start + APPEND_ALL_MAX])
    return outcomes


class Bulk:
    """On whose behalf, why and when."""

    def __init__(self, handler: Handler, actor: str, cause: int, at_us: int) -> None:
        self._handler, self._actor, self._cause, self._at_us = handler, actor, cause, at_us
        self._outcomes: dict[int, Outcome] = {}

    async def chunk(self, orders: Sequence[Order]) -> list[Outcome]:
        """At most APPEND_ALL_MAX orders."""
        self._outcomes = {}
        numbered = dict(enumerate(orders))
        believed = await self._load({n: order for n, order in numbered.items() if not self._known(order)})
        pending: list[Pending] = []
        doubtful: dict[int, Order] = {}
        for number, order in numbered.items():
            if number in self._outcomes:
                continue
            folded = believed.get(number) or self._believed(order)
            if (each := self._decide(number, order, folded)) is not None:
                pending.append(each)
            elif number not in self._outcomes:
                doubtful[number] = order
            if number % DECIDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        # Only what is appended is checked by the append: that there is nothing to do must be true of the log itself.
        for number, folded in (await self._load(doubtful)).items():
            if (each := self._decide(number, numbered[number], folded)) is not None:
                pending.append(each)
        await self._append(sorted(pending, key=lambda each: each.number))
        return [self._outcomes[number] for number in numbered]

    def _known(self, order: Order) -> bool:
        return order.new or self._handler.cached(order.ref) is not None

    def _believed(self, order: Order) -> Folded:
        return self._handler.cached(order.ref) or Folded(AGGREGATES[order.ref.aggregate].initial, 0)

    async def _load(self, orders: dict[int, Order]) -> dict[int, Folded]:
        """All of them as the log has them; a damaged history is an outcome."""
        loaded: dict[int, Folded] = {}
        found = await self._handler.load_all([order.ref for order in orders.values()])
        for number, each in zip(orders, found, strict=True):
            if isinstance(each, DamagedHistory):
                self._outcomes[number] = each
            else:
                loaded[number] = each
        return loaded

    def _decide(self, number: int, order: Order, folded: Folded) -> Pending | None:
        """What is to be appended; None when there is nothing, which is an outcome only when `folded` is fresh."""
        try:
            events, state = decided(AGGREGATES[order.ref.aggregate], folded, order)
        except Refused as refusal:
            if folded.fresh:
                self._outcomes[number] = refusal
            return None
        if not events:
            if folded.fresh:
                self._outcomes[number] = Handled((), folded.position, folded.state)
            return None
        commit = Commit(order.ref, order.command_id, self._at_us, self._actor, events, self._cause)
        return Pending(number, order, folded, commit, state)

    async def _append(self, pending: Sequence[Pending]) -> None:
        """All of `pending`; the halves of it when somebody else was faster with one."""
        if not pending:
            return
        if len(pending) == 1:
            self._outcomes[pending[0].number] = await self._alone(pending[0].order)
            return
        try:
            positions = await self._handler.log.append_all([(each.commit, each.folded.position) for each in pending])
        except Conflict:
            middle = len(pending) // 2
            await self._append(pending[:middle])
            await self._append(pending[middle:])
            return
        except BaseException:
            for each in pending:
                self._handler.drop(each.order.ref)
            raise
        for number, (each, position) in enumerate(zip(pending, positions, strict=True)):
            self._outcomes[each.number] = self._handler.stored(each.commit, each.folded, each.state, position)
            if number % DECIDED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _alone(self, order: Order) -> Outcome:
        try:
            return await self._handler.fulfil(order, actor=self._actor, cause=self._cause, now_us=self._at_us)
        except HistoryLost:
            raise
        except (Refused, DamagedHistory) as error:
            return error
