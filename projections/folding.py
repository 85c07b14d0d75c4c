"""Folds commits into rows in memory: finds the rows that a batch touches, loads them once, folds, remembers what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import DamagedHistory
from projections.memory import ROWS_CACHED_MAX, Load, Memory, TableRows
from projections.projection import Fold, Meta, RecordedLike, meta_of
from projections.table import Key, Row
from projections.tables import ROLLUPS, ROUTES


@dataclass(frozen=True, slots=True)
class Poison:
    """A commit that no fold can take, and why."""

    recorded: RecordedLike
    error: Exception


Step = tuple[TableRows, Key, Fold, Any, Meta]
"""One fold to do: on this row, of this part of an event."""
Routed = list[tuple[RecordedLike, list[Step]]]
Change = tuple[TableRows, Key, Row | None, Row]
"""A row before and after a commit."""
Found = dict[str, dict[Key, list[Any]]]
"""By table and key of a row that sums up others: what changed of those, in the order of the log."""


class Folding(Memory):
    """The rows, and how commits change them."""

    def __init__(self, load: Load, *, rows_cached_max: int = ROWS_CACHED_MAX, empty: bool = False) -> None:
        super().__init__(load, rows_cached_max, empty=empty)

    async def fold(self, batch: Sequence[RecordedLike]) -> list[Poison]:
        """Fold a batch; a commit is taken as a whole or, when an event of it cannot be folded, returned as poison."""
        routed: Routed = []
        unrouted: list[Poison] = []
        for recorded in batch:
            try:
                routed.append((recorded, self._steps(recorded)))
            except Exception as error:
                unrouted.append(Poison(recorded, error))
        await self._fetch_all(routed)
        found, poisons = self._folded(routed, careful=False)
        if not self._storable():
            found, poisons = self._folded(routed, careful=True)
        await self._roll_up(found)
        for rows in self.tables.values():
            rows.merge()
        return unrouted + poisons

    def _steps(self, recorded: RecordedLike) -> list[Step]:
        commit = recorded.commit
        damage = getattr(commit, "damage", "")
        if damage:
            raise DamagedHistory(damage)
        unknown = getattr(commit, "unknown", ())
        if unknown:
            raise DamagedHistory(f"An event of unknown type {unknown[0]}; a newer rgrid wrote it: install that one.")
        meta = meta_of(recorded)
        steps: list[Step] = []
        for event in commit.events:
            for table, on in ROUTES.get(type(event), ()):
                rows = self.tables[table]
                if on.parts is None:
                    steps.append((rows, on.key(event, meta), on.fold, event, meta))
                else:
                    steps += [(rows, on.key(part, meta), on.fold, part, meta) for part in on.parts(event)]
        return steps

    async def _fetch_all(self, routed: Routed) -> None:
        missing: dict[str, list[Key]] = {}
        for _, steps in routed:
            for rows, key, _, _, _ in steps:
                if key not in rows.rows:
                    missing.setdefault(rows.table.name, []).append(key)
        for name, keys in missing.items():
            await self.fetch(self.tables[name], keys)

    def _folded(self, routed: Routed, *, careful: bool) -> tuple[Found, list[Poison]]:
        """What the changes mean for rows that sum them up. `careful` looks at every row after every commit, to find which
        one Postgres would refuse."""
        for rows in self.tables.values():
            rows.changed = {}
        found: Found = {rollup.target: {} for rollup in ROLLUPS}
        poisons: list[Poison] = []
        for recorded, steps in routed:
            try:
                changes = _committed(steps) if len(steps) != 1 else _alone(*steps[0])
                if careful:
                    for rows, _, _, after in changes:
                        rows.table.check(after)
                news = [
                    (rollup.target, each)
                    for rows, _, before, after in changes
                    for rollup in rows.rollups
                    for each in rollup.changes(before, after, recorded.position)
                ]
            except Exception as error:
                poisons.append(Poison(recorded, error))
                continue
            for rows, key, _, after in changes:
                rows.changed[key] = after
            for target, (key, change) in news:
                found[target].setdefault(key, []).append(change)
        return found, poisons

    def _storable(self) -> bool:
        try:
            for rows in self.tables.values():
                for row in rows.changed.values():
                    rows.table.check(row)
        except ValueError:
            return False
        return True

    async def _roll_up(self, found: Found) -> None:
        """Bring the rows up to date that sum up others."""
        for number, rollup in enumerate(ROLLUPS):
            rows, changes = self.tables[rollup.target], found[rollup.target]
            await self.fetch(rows, [key for key in changes if key not in rows.changed])
            for key, of_key in changes.items():
                before = rows.now(key)
                after = rows.changed[key] = rollup.apply(before, key, of_key)
                for later in ROLLUPS[number + 1 :]:
                    if rollup.target in later.sources:
                        for other, change in later.changes(before, after, after["sequence"]):
                            found[later.target].setdefault(other, []).append(change)


def _alone(rows: TableRows, key: Key, fold: Fold, part: Any, meta: Meta) -> Sequence[Change]:
    """Of a commit that is one step, as most are."""
    before = rows.changed.get(key) or rows.rows[key]
    after = fold(before, part, meta)
    return () if after is None or after is before else ((rows, key, before, after),)


def _committed(steps: list[Step]) -> Sequence[Change]:
    changes: dict[tuple[str, Key], Change] = {}
    for rows, key, fold, part, meta in steps:
        slot = (rows.table.name, key)
        earlier = changes.get(slot)
        now = earlier[3] if earlier else rows.now(key)
        after = fold(now, part, meta)
        if after is not None and after is not now:
            changes[slot] = (rows, key, earlier[2] if earlier else now, after)
    return list(changes.values())
