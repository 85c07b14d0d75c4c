"""The event log as everyone sees it: commits of one aggregate, appended at an expected position, read in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Ref:
    """Which aggregate: `Ref("acct_…", "execution", "exec_…")`. Nodes belong to the account `grid`."""

    account: str
    aggregate: str
    id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The events of one command, as they travel in one message.

    `command_id` makes the append idempotent. `at_us`: microseconds since 1970, set by who appends. `cause`: position of
    the commit that led to this one, 0 for a person's command. `actor`: `key:<key id>`, `service:<name>`, `node:<id>`.
    `unknown` names the types of events that this version of rgrid cannot read; they are missing from `events`.
    """

    ref: Ref
    command_id: str
    at_us: int
    actor: str
    events: tuple[Any, ...]
    cause: int = 0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A commit in the log: its `position` (stream sequence) and `previous`, the aggregate's position before it (0: none)."""

    position: int
    previous: int
    commit: Commit


@dataclass(frozen=True, slots=True)
class History:
    """All commits of one aggregate in order; `position` is that of the last one, 0 when there is none."""

    commits: tuple[Recorded, ...]
    position: int


class EventLog(Protocol):
    """What the in-memory and the JetStream log both are; one conformance suite holds them to it."""

    async def load(self, ref: Ref) -> History:
        """The whole history of one aggregate; raises DamagedHistory when an event of it cannot be read."""

    async def append(self, commit: Commit, expected: int) -> int:
        """Append behind position `expected` of the aggregate (0: it is new) and return the new position.

        Repeating an append that was stored returns its position again, however long ago it was (the log itself says so,
        not a window of the broker). Raises Conflict when somebody else appended, Unavailable when nobody knows.
        """

    async def append_all(self, commits: Sequence[tuple[Commit, int]]) -> list[int]:
        """Append several commits of different aggregates, all or none; the same errors."""

    def read(self, after: int = 0, *, until: int | None = None, batch: int = 1000) -> AsyncIterator[list[Recorded]]:
        """Every commit with `after` < position <= `until` (default: the last one at the time of the call), in batches."""

    def follow(self, after: int) -> AsyncIterator[list[Recorded]]:
        """Every commit behind `after`, for ever, in order, without gaps, across reconnects."""

    async def last_position(self) -> int:
        """The position of the last commit, 0 for an empty log."""
