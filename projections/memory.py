"""Rows of all tables in memory, in front of Postgres: what was loaded, what changed since, what it must be told of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice

from projections.rollup import Rollup
from projections.table import Key, Row, Table
from projections.tables import ROLLUPS, TABLES

ROWS_CACHED_MAX = 50_000
DROPPED_SLOTS = 1 << 22
Load = Callable[[Table, Sequence[Key]], Awaitable[list[Row]]]


class TableRows:
    """One table. `stored` are keys that Postgres has, `dirty` those it must be told of; `changed` is what the fold that is
    under way made of them so far. Rows are never changed in place, so a fold that fails leaves nothing behind.

    `dropped` (where the table was empty at the beginning) marks the keys of rows that are not in memory any more, each in one
    of DROPPED_SLOTS: what is neither in memory nor marked was never there, and need not be asked for.
    """

    def __init__(self, table: Table, *, empty: bool) -> None:
        self.table = table
        self.rollups: tuple[Rollup, ...] = tuple(rollup for rollup in ROLLUPS if table.name in rollup.sources)
        self.rows: dict[Key, Row | None] = {}
        self.stored: set[Key] = set()
        self.dirty: dict[Key, None] = {}
        self.changed: dict[Key, Row] = {}
        self.dropped: bytearray | None = bytearray(DROPPED_SLOTS) if empty else None

    def now(self, key: Key) -> Row | None:
        """The row as the fold under way has it."""
        return self.changed.get(key) or self.rows[key]

    def unwritten(self) -> Iterator[tuple[Key, Row]]:
        for key in self.dirty:
            row = self.rows[key]
            if row is not None:
                yield key, row

    def merge(self) -> None:
        """The fold is done: what it changed is how it is, and was touched last."""
        for key, row in self.changed.items():
            self.rows.pop(key, None)
            self.rows[key] = row
            self.dirty[key] = None
        self.changed = {}

    def written(self, rows_max: int) -> None:
        self.stored.update(self.dirty)
        self.dirty.clear()
        for key in list(islice(self.rows, max(0, len(self.rows) - rows_max))):
            del self.rows[key]
            self.stored.discard(key)
            if self.dropped is not None:
                self.dropped[hash(key) % DROPPED_SLOTS] = 1

    def maybe_stored(self, keys: Iterable[Key]) -> list[Key]:
        """Those of `keys` that Postgres may have."""
        if self.dropped is None:
            return list(keys)
        return [key for key in keys if self.dropped[hash(key) % DROPPED_SLOTS]]


class Memory:
    """Every table's rows; `load` fetches what is not there. `empty`: nothing was stored at the beginning."""

    def __init__(self, load: Load, rows_cached_max: int, *, empty: bool = False) -> None:
        self._load = load
        self._rows_max = rows_cached_max
        self._empty = empty
        self.tables = self._nothing()

    def _nothing(self) -> dict[str, TableRows]:
        return {table.name: TableRows(table, empty=self._empty) for table in TABLES}

    async def fetch(self, rows: TableRows, keys: Iterable[Key]) -> None:
        """Make sure that it is known of all `keys` what is stored."""
        missing = dict.fromkeys(key for key in keys if key not in rows.rows)
        wanted = rows.maybe_stored(missing)
        found = await self._load(rows.table, wanted) if wanted else ()
        rows.rows.update(missing)
        for row in found:
            key = rows.table.key_of(row)
            rows.rows[key] = row
            rows.stored.add(key)

    def dirty_count(self) -> int:
        return sum(len(rows.dirty) for rows in self.tables.values())

    def written(self) -> None:
        """Postgres has it all now; rows beyond the bound that were not touched lately are dropped."""
        for rows in self.tables.values():
            rows.written(self._rows_max)

    def forget(self) -> None:
        """Start from what Postgres has: after a failed write, or when somebody else wrote."""
        self.tables = self._nothing()
