"""A projection as a value: a table, and for every event it can handle which rows change and how (pure folds)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from projections.table import Key, Row, Table


class Meta(NamedTuple):
    """What the log knows about an event beside its data: `id` and `account` of its aggregate, microseconds since 1970."""

    position: int
    account: str
    id: str
    at_us: int
    actor: str = ""
    command_id: str = ""


Fold = Callable[[Row | None, Any, Meta], Row | None]
"""(row or None, event or part of it, meta) -> the row as it is now. The row given is not changed but copied; giving back
the same object (or None for a row that is not there) says that nothing changed."""


@dataclass(frozen=True, slots=True)
class On:
    """How one kind of event reaches its rows: `parts` cuts it up (default: whole), `key` names the row of each part."""

    fold: Fold
    key: Callable[[Any, Meta], Key]
    parts: Callable[[Any], Iterable[Any]] | None = None


@dataclass(frozen=True)
class Projection:
    """Named after its table."""

    table: Table
    on: Mapping[type, On]

    @property
    def name(self) -> str:
        return self.table.name


class RefLike(Protocol):
    @property
    def account(self) -> str: ...
    @property
    def id(self) -> str: ...


class CommitLike(Protocol):
    @property
    def ref(self) -> RefLike: ...
    @property
    def command_id(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def actor(self) -> str: ...
    @property
    def events(self) -> Sequence[Any]: ...


class RecordedLike(Protocol):
    """A commit as the log gives it; spelled out here because projections stand below the runtime that reads the log."""

    @property
    def position(self) -> int: ...
    @property
    def commit(self) -> CommitLike: ...


class LogReader(Protocol):
    """The part of the log that a rebuild needs."""

    def read(
        self, after: int = 0, *, until: int | None = None, batch: int = 1000
    ) -> AsyncIterator[Sequence[RecordedLike]]: ...

    async def last_position(self) -> int: ...


def meta_of(recorded: RecordedLike) -> Meta:
    commit = recorded.commit
    ref = commit.ref
    return Meta(recorded.position, ref.account, ref.id, commit.at_us, commit.actor, commit.command_id)
