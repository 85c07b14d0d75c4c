"""A table as a value: its columns, key and indexes, and the SQL that writes and reads its rows in bulk.

A row is a dict of all columns. The pseudo-type `json` is plain data in a row and JSON text in Postgres: text keeps the
order of the keys, so the same history gives the same bytes, and a read hands them through without parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any

import orjson

Row = dict[str, Any]
Key = tuple[Any, ...]
INTEGER_BITS = {"int": 31, "bigint": 63}


@dataclass(frozen=True)
class Table:
    """`columns`: SQL type by name; `indexes`: what follows `CREATE INDEX ON <table>`, made after a bulk load."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    indexes: tuple[str, ...] = ()
    json: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "json", frozenset(name for name, sql in self.columns.items() if sql == "json"))

    def create_sql(self, schema: str) -> str:
        """Documents stay in the row up to a page (toast_tuple_target), so that one read is one page."""
        columns = ", ".join(f"{name} {_sql_type(sql)}" for name, sql in self.columns.items())
        return (
            f"CREATE TABLE {schema}.{self.name} ({columns}, PRIMARY KEY ({', '.join(self.key)}))"
            " WITH (toast_tuple_target = 8160)"
        )

    def index_sql(self, schema: str) -> list[str]:
        """Named by us: two that are made at the same time would both take the name that Postgres finds free."""
        names = (f"{self.name}_{number}_idx" for number in range(1, len(self.indexes) + 1))
        return [
            f"CREATE INDEX {name} ON {schema}.{self.name} {index}"
            for name, index in zip(names, self.indexes, strict=True)
        ]

    def upsert_sql(self, schema: str) -> str:
        names = ", ".join(self.columns)
        values = ", ".join(f"${i}" for i in range(1, len(self.columns) + 1))
        changes = ", ".join(f"{name} = excluded.{name}" for name in self.columns if name not in self.key)
        action = f"UPDATE SET {changes}" if changes else "NOTHING"
        insert = f"INSERT INTO {schema}.{self.name} ({names}) VALUES ({values})"
        return f"{insert} ON CONFLICT ({', '.join(self.key)}) DO {action}"

    def load_sql(self, schema: str) -> str:
        """Rows by their keys; one array per key column."""
        arrays = ", ".join(f"${i}::{_base_type(self.columns[name])}[]" for i, name in enumerate(self.key, 1))
        aliases = ", ".join(f"k{i}" for i in range(len(self.key)))
        match = " AND ".join(f"t.{name} = k.k{i}" for i, name in enumerate(self.key))
        names = ", ".join(f"t.{name}" for name in self.columns)
        return f"SELECT {names} FROM unnest({arrays}) AS k({aliases}) JOIN {schema}.{self.name} t ON {match}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    @cached_property
    def _bounded(self) -> list[tuple[int, Callable[[Row], tuple[Any, ...]]]]:
        """For every size of integer its first value out of range, and what reads the columns of it from a row."""
        return [(1 << bits, self._columns(sql)) for sql, bits in INTEGER_BITS.items()]

    @cached_property
    def _texts(self) -> Callable[[Row], tuple[Any, ...]]:
        return self._columns("text")

    @cached_property
    def _all(self) -> Callable[[Row], tuple[Any, ...]]:
        return itemgetter(*self.names)

    @cached_property
    def _json_at(self) -> tuple[int, ...]:
        return tuple(number for number, name in enumerate(self.names) if name in self.json)

    def _columns(self, sql: str) -> Callable[[Row], tuple[Any, ...]]:
        names = [name for name, found in self.columns.items() if found == sql]
        if len(names) < 2:
            return lambda row: tuple([row[name] for name in names])
        return itemgetter(*names)

    def check(self, row: Row) -> None:
        """Raises ValueError for a row that Postgres would refuse, while it is still known which event made it so."""
        for limit, values_of in self._bounded:
            for value in values_of(row):
                if value is not None and not -limit <= value < limit:
                    raise ValueError(f"{self.name} has no room for {value}")
        if "\x00" in "".join([value for value in self._texts(row) if value]):
            raise ValueError(f"a text of {self.name} holds a NUL character")

    def encode(self, row: Row) -> Sequence[Any]:
        """The row as Postgres takes it."""
        values = self._all(row)
        if not self.json:
            return values
        encoded = list(values)
        for number in self._json_at:
            if encoded[number] is not None:
                encoded[number] = orjson.dumps(encoded[number]).decode()
        return encoded

    def decode(self, values: Iterable[Any]) -> Row:
        """The row out of what Postgres gave."""
        row = dict(zip(self.names, values, strict=True))
        for name in self.json:
            if row[name] is not None:
                row[name] = orjson.loads(row[name])
        return row

    def key_of(self, row: Row) -> Key:
        return tuple(row[name] for name in self.key)


def plain_text(value: str) -> str:
    """`value` without what a text column cannot hold: NUL and halves of surrogate pairs."""
    clean = value.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in value else value
    return clean if clean.isascii() else clean.encode("utf-8", "replace").decode()


def _sql_type(sql: str) -> str:
    return {"json": "text", "text": 'text COLLATE "C"'}.get(sql, sql)


def _base_type(sql: str) -> str:
    return sql.split()[0]
