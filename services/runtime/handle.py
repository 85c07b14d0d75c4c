"""The only way a command becomes events: load, fold, decide, append; on a conflict again, within bounds.

States are cached. A cached state may be behind, and that is safe: the append expects its position. Only a decision that
appends nothing (no events, or a refusal) is not checked by the append, so it is made again on a fresh load.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from domain.catalog import AGGREGATES
from domain.errors import Conflict, DamagedHistory, Refused
from services.runtime.log import Commit, EventLog, History, Recorded, Ref
from services.runtime.orders import Folded, Handled, Order, decided, fold

__all__ = ["Handled", "Handler"]

ATTEMPTS_MAX = 20
CACHE_ENTRIES_MAX = 40_000
CACHE_WEIGHT_MAX = 200_000
"""Of all entries together, see `weight`: about 100 MB."""


class Handler:
    """Handles commands of all aggregates over one log. Share one per process: its cache is worth more that way."""

    def __init__(
        self, log: EventLog, *, cache_entries_max: int = CACHE_ENTRIES_MAX, cache_weight_max: int = CACHE_WEIGHT_MAX
    ) -> None:
        self.log = log
        self._cache: OrderedDict[Ref, Folded] = OrderedDict()
        self._entries_max, self._weight_max = cache_entries_max, cache_weight_max
        self._weight = 0

    async def handle(
        self, ref: Ref, command: Any, *, command_id: str, actor: str, cause: int = 0, now_us: int | None = None
    ) -> Handled:
        """Decide and append. Repeating it with the same `command_id` adds nothing.

        Raises Refused (the decider's), Conflict (others were faster ATTEMPTS_MAX times), Unavailable, DamagedHistory.
        """
        return await self.fulfil(Order(ref, (command,), command_id), actor=actor, cause=cause, now_us=now_us)

    async def fulfil(self, order: Order, *, actor: str, cause: int = 0, now_us: int | None = None) -> Handled:
        """The same for an order of several commands."""
        ref, aggregate = order.ref, AGGREGATES[order.ref.aggregate]
        folded = self.cached(ref)
        for _ in range(ATTEMPTS_MAX):
            if folded is None:
                folded = await self.load(ref)
            try:
                events, state = decided(aggregate, folded, order)
            except Refused:
                if folded.fresh:
                    raise
                events, state = (), folded.state
            if events:
                at_us = time.time_ns() // 1000 if now_us is None else now_us
                commit = Commit(ref, order.command_id, at_us, actor, events, cause)
                handled = await self._append(commit, folded, state)
                if handled is not None:
                    return handled
            elif folded.fresh:
                return Handled((), folded.position, folded.state)
            folded = None
        raise Conflict(
            f"{ref.aggregate} {ref.id} changes too often: {ATTEMPTS_MAX} attempts to append met others' writes."
        )

    async def state(self, ref: Ref) -> tuple[Any, int]:
        """The state of an aggregate now, and its position; of the log itself, not of the cache."""
        folded = await self.load(ref)
        return folded.state, folded.position

    async def state_at(self, ref: Ref, at_least: int = 0) -> Any:
        """The state as of position `at_least` or later: the cached one when it is that new, else the log's."""
        known = self.cached(ref)
        if known is not None and known.position >= at_least:
            return known.state
        return (await self.state(ref))[0]

    def observe(self, recorded: Recorded) -> None:
        """Keep the cache warm with a commit that came by."""
        ref = recorded.commit.ref
        aggregate = AGGREGATES.get(ref.aggregate)
        if aggregate is None:
            return
        if recorded.commit.unknown or recorded.commit.damage:
            self.drop(ref)
            return
        known = self._cache.get(ref)
        if known is None:
            if recorded.previous == 0:
                self._keep(ref, fold(aggregate, Folded(aggregate.initial, 0), [recorded]))
        elif known.position == recorded.previous:
            self._keep(ref, fold(aggregate, known, [recorded]))
        elif known.position < recorded.position:
            self.drop(ref)

    async def load(self, ref: Ref) -> Folded:
        """The aggregate as the log has it now, `fresh`. Raises DamagedHistory, Unavailable."""
        return self._loaded(ref, await self.log.load(ref))

    async def load_all(self, refs: Sequence[Ref]) -> list[Folded | DamagedHistory]:
        """Many of them; one with a damaged history is that error. Raises Unavailable."""
        histories = await self.log.load_all(refs)
        return [
            each if isinstance(each, DamagedHistory) else self._loaded(ref, each)
            for ref, each in zip(refs, histories, strict=True)
        ]

    def _loaded(self, ref: Ref, history: History) -> Folded:
        aggregate = AGGREGATES[ref.aggregate]
        folded = fold(aggregate, Folded(aggregate.initial, 0), history.commits)
        if history.position:
            self._keep(ref, folded)
        return Folded(folded.state, folded.position, folded.commands, fresh=True)

    def cached(self, ref: Ref) -> Folded | None:
        """The aggregate as it was known last; the log may be further."""
        known = self._cache.get(ref)
        if known is not None:
            self._cache.move_to_end(ref)
        return known

    def stored(self, commit: Commit, folded: Folded, state: Any, position: int) -> Handled:
        """What came of an append behind `folded` that leads to `state`; the log answered with `position`."""
        ref = commit.ref
        if position <= folded.position:
            # The log knew this command from an earlier time: what is decided now was not stored.
            self.drop(ref)
            return Handled((), folded.position, folded.state)
        known = self._cache.get(ref)
        if known is None or known.position < position:
            self._keep(ref, Folded(state, position, folded.commands | {commit.command_id}))
        return Handled(commit.events, position, state)

    def drop(self, ref: Ref) -> None:
        """Forget what is cached of `ref`: it is not so, or nobody knows."""
        known = self._cache.pop(ref, None)
        if known is not None:
            self._weight -= known.weight

    async def _append(self, commit: Commit, folded: Folded, state: Any) -> Handled | None:
        """What came of it; None when somebody else was faster, or when this command was stored before."""
        try:
            position = await self.log.append(commit, folded.position)
        except BaseException as error:
            self.drop(commit.ref)
            if isinstance(error, Conflict):
                return None
            raise
        return self.stored(commit, folded, state, position)

    def _keep(self, ref: Ref, folded: Folded) -> None:
        self.drop(ref)
        self._cache[ref] = folded
        self._weight += folded.weight
        while self._cache and (len(self._cache) > self._entries_max or self._weight > self._weight_max):
            self.drop(next(iter(self._cache)))
