"""Folds commits into rows in memory: finds the rows that a batch touches, loads them once, folds, remembers what changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import DamagedHistory
from projections.projection import Fold, Meta, RecordedLike, meta_of
from projections.table import Key, Row, Table
from projections.tables import ROLLUPS, ROLLUPS_OF, ROUTES, TABLES, TABLES_BY_NAME

ROWS_CACHED_MAX = 50_000
Load = Callable[[Table, Sequence[Key]], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Poison:
    """A commit that no fold can take, and why."""

    recorded: RecordedLike
    error: Exception


Slot = tuple[str, Key]
"""Table and key: one row."""
Step = tuple[Slot, Fold, Any, Meta]
"""One fold to do: on this row, of this part of an event."""
Found = dict[str, dict[Key, list[Any]]]
"""By table and key of a row that sums up others: what changed of them."""


@dataclass
class TableRows:
    """The rows of one table in memory. `stored` are keys that Postgres has, `dirty` those it must be told of."""

    rows: dict[Key, Row | None] = field(default_factory=dict)
    stored: set[Key] = field(default_factory=set)
    dirty: dict[Key, None] = field(default_factory=dict)


class Folding:
    """Rows of all tables in memory, in front of `load`. Rows are never changed in place, so a failed commit leaves none."""

    def __init__(self, load: Load, *, rows_cached_max: int = ROWS_CACHED_MAX) -> None:
        self._load = load
        self._rows_max = rows_cached_max
        self.tables = {table.name: TableRows() for table in TABLES}

    async def fold(self, batch: Sequence[RecordedLike]) -> list[Poison]:
        """Fold a batch; a commit is taken as a whole or, when an event of it cannot be folded, returned as poison."""
        routed: list[tuple[RecordedLike, list[Step]]] = []
        unrouted: list[Poison] = []
        for recorded in batch:
            try:
                routed.append((recorded, _steps(recorded)))
            except Exception as error:
                unrouted.append(Poison(recorded, error))
        await self._load_missing(routed)
        changed, found, poisons = self._folded(routed, careful=False)
        if not _storable(changed):
            changed, found, poisons = self._folded(routed, careful=True)
        await self._roll_up(changed, found)
        self._merge(changed)
        return unrouted + poisons

    def dirty_count(self) -> int:
        return sum(len(rows.dirty) for rows in self.tables.values())

    def written(self) -> None:
        """Postgres has it all now; rows beyond the bound that were not touched lately are dropped."""
        for rows in self.tables.values():
            rows.stored.update(rows.dirty)
            rows.dirty.clear()
            for key in list(rows.rows)[: max(0, len(rows.rows) - self._rows_max)]:
                del rows.rows[key]
                rows.stored.discard(key)

    def forget(self) -> None:
        """Start from what Postgres has: after a failed write, or when somebody else wrote."""
        self.tables = {table.name: TableRows() for table in TABLES}

    async def _load_missing(self, routed: list[tuple[RecordedLike, list[Step]]]) -> None:
        missing: dict[str, dict[Key, None]] = {}
        for _, steps in routed:
            for (name, key), _, _, _ in steps:
                if key not in self.tables[name].rows:
                    missing.setdefault(name, {})[key] = None
        for name, keys in missing.items():
            await self._load_rows(name, keys)

    async def _load_rows(self, name: str, keys: Iterable[Key]) -> None:
        table, rows = TABLES_BY_NAME[name], self.tables[name]
        missing = [key for key in keys if key not in rows.rows]
        if not missing:
            return
        found = await self._load(table, missing)
        rows.rows.update(dict.fromkeys(missing))
        for row in found:
            key = table.key_of(row)
            rows.rows[key] = row
            rows.stored.add(key)

    def _folded(
        self, routed: list[tuple[RecordedLike, list[Step]]], *, careful: bool
    ) -> tuple[dict[Slot, Row], Found, list[Poison]]:
        """The rows that change, and what that means for others. `careful` looks at every row after every commit, to find
        which one Postgres would refuse."""
        changed: dict[Slot, Row] = {}
        found: Found = {rollup.target: {} for rollup in ROLLUPS}
        poisons: list[Poison] = []
        for recorded, steps in routed:
            try:
                rows = self._committed(steps, changed)
                if careful:
                    _check(rows)
                news = [
                    (rollup, each)
                    for slot, row in rows.items()
                    for rollup in ROLLUPS_OF[slot[0]]
                    for each in rollup.changes(self._before(slot, changed), row, recorded.position)
                ]
            except Exception as error:
                poisons.append(Poison(recorded, error))
                continue
            changed.update(rows)
            for rollup, (key, change) in news:
                found[rollup.target].setdefault(key, []).append(change)
        return changed, found, poisons

    def _before(self, slot: Slot, changed: dict[Slot, Row]) -> Row | None:
        return changed.get(slot) or self.tables[slot[0]].rows[slot[1]]

    async def _roll_up(self, changed: dict[Slot, Row], found: Found) -> None:
        """Bring the rows up to date that sum up others."""
        for number, rollup in enumerate(ROLLUPS):
            await self._load_rows(
                rollup.target, [key for key in found[rollup.target] if (rollup.target, key) not in changed]
            )
            for key, changes in found[rollup.target].items():
                slot = (rollup.target, key)
                before = changed.get(slot) or self.tables[rollup.target].rows[key]
                after = changed[slot] = rollup.apply(before, key, changes)
                for later in ROLLUPS[number + 1 :]:
                    if rollup.target in later.sources:
                        for other, change in later.changes(before, after, after["sequence"]):
                            found[later.target].setdefault(other, []).append(change)

    def _committed(self, steps: list[Step], changed: dict[Slot, Row]) -> dict[Slot, Row]:
        rows: dict[Slot, Row] = {}
        for slot, fold, part, meta in steps:
            before = rows.get(slot) or self._before(slot, changed)
            after = fold(before, part, meta)
            if after is not None and after is not before:
                rows[slot] = after
        return rows

    def _merge(self, changed: dict[Slot, Row]) -> None:
        for (table, key), row in changed.items():
            rows = self.tables[table]
            rows.rows.pop(key, None)
            rows.rows[key] = row
            rows.dirty[key] = None


def _steps(recorded: RecordedLike) -> list[Step]:
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
            if on.parts is None:
                steps.append(((table, on.key(event, meta)), on.fold, event, meta))
            else:
                steps += [((table, on.key(part, meta)), on.fold, part, meta) for part in on.parts(event)]
    return steps


def _storable(changed: dict[Slot, Row]) -> bool:
    try:
        _check(changed)
    except ValueError:
        return False
    return True


def _check(rows: dict[Slot, Row]) -> None:
    for (table, _), row in rows.items():
        TABLES_BY_NAME[table].check(row)
