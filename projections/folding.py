"""Folds commits into rows in memory: finds the rows that a batch touches, loads them once, folds, remembers what changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from projections.catalog import ROUTES, TABLES
from projections.projection import Fold, Meta, RecordedLike, meta_of
from projections.table import Key, Row, Table

ROWS_CACHED_MAX = 50_000
Load = Callable[[Table, Sequence[Key]], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Poison:
    """A commit that no fold can take, and why."""

    recorded: RecordedLike
    error: Exception


class Step(NamedTuple):
    """One fold to do: this part of an event on this row."""

    table: str
    key: Key
    fold: Fold
    part: Any
    meta: Meta


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
        poisons: list[Poison] = []
        for recorded in batch:
            try:
                routed.append((recorded, _steps(recorded)))
            except Exception as error:
                poisons.append(Poison(recorded, error))
        await self._load_missing(routed)
        for recorded, steps in routed:
            try:
                self._merge(self._folded(steps))
            except Exception as error:
                poisons.append(Poison(recorded, error))
        return poisons

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
            for step in steps:
                if step.key not in self.tables[step.table].rows:
                    missing.setdefault(step.table, {})[step.key] = None
        for table in TABLES:
            if table.name not in missing:
                continue
            rows = self.tables[table.name]
            rows.rows.update(dict.fromkeys(missing[table.name]))
            for row in await self._load(table, list(missing[table.name])):
                rows.rows[table.key_of(row)] = row
                rows.stored.add(table.key_of(row))

    def _folded(self, steps: list[Step]) -> dict[tuple[str, Key], Row]:
        changed: dict[tuple[str, Key], Row] = {}
        for table, key, fold, part, meta in steps:
            before = changed.get((table, key)) or self.tables[table].rows[key]
            after = fold(before, part, meta)
            if after is not None and after is not before:
                changed[table, key] = after
        return changed

    def _merge(self, changed: dict[tuple[str, Key], Row]) -> None:
        for (table, key), row in changed.items():
            rows = self.tables[table]
            rows.rows.pop(key, None)
            rows.rows[key] = row
            rows.dirty[key] = None


def _steps(recorded: RecordedLike) -> list[Step]:
    meta = meta_of(recorded)
    steps: list[Step] = []
    for event in recorded.commit.events:
        for table, on in ROUTES.get(type(event), ()):
            for part in (event,) if on.parts is None else on.parts(event):
                steps.append(Step(table.name, on.key(part, meta), on.fold, part, meta))
    return steps
