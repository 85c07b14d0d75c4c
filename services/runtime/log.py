"""The event log as everyone sees it: commits of one aggregate, appended at an expected position, read in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from domain.errors import Conflict, DamagedHistory

APPEND_ALL_MAX = 1000


class Ref(NamedTuple):
    """Which aggregate: `Ref("acct_…", "execution", "exec_…")`. Nodes belong to the account `grid`.

    A tuple, because it is the key of every table there is and a tuple is hashed without running Python.
    """

    account: str
    aggregate: str
    id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The events of one command, as they travel in one message.

    `command_id` makes the append idempotent. `at_us`: microseconds since 1970, set by who appends. `cause`: position of
    the commit that led to this one, 0 for a person's command. `actor`: `key:<key id>`, `service:<name>`, `node:<id>`.
    `unknown` names the types of events that this version of rgrid cannot read; they are missing from `events`. `damage`
    says why what stands there does not read as a commit at all: it is empty then, and nobody may build on it.
    """

    ref: Ref
    command_id: str
    at_us: int
    actor: str
    events: tuple[Any, ...]
    cause: int = 0
    unknown: tuple[str, ...] = ()
    damage: str = ""


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
        """The whole history of one aggregate; raises DamagedHistory when a commit of it cannot be read or does not follow
        the one before it."""

    async def load_all(self, refs: Sequence[Ref]) -> list[History | DamagedHistory]:
        """The histories of many, in the order of `refs`; one that `load` would raise for is its error. Much faster than
        one by one where they are short."""

    async def append(self, commit: Commit, expected: int) -> int:
        """Append behind position `expected` of the aggregate (0: it is new) and return the new position.

        Repeating an append that was stored returns its position again, however long ago it was (the log itself says so,
        not a window of the broker). Raises Conflict when somebody else appended (the same command id with other events
        is somebody else too), Unavailable when nobody knows.
        """

    async def append_all(self, commits: Sequence[tuple[Commit, int]]) -> list[int]:
        """Append several commits of different aggregates, all or none; the same errors."""

    def read(self, after: int = 0, *, until: int | None = None, batch: int = 1000) -> AsyncIterator[list[Recorded]]:
        """Every commit with `after` < position <= `until` (default: the last one at the time of the call), in batches.

        What does not read as a commit comes along, with `damage`; raises DamagedHistory when a position is missing.
        """

    def follow(self, after: int) -> AsyncIterator[list[Recorded]]:
        """Every commit behind `after`, for ever, in order, without gaps, across reconnects; damaged ones as in `read`."""

    async def last_position(self) -> int:
        """The position of the last commit, 0 for an empty log."""


def check_batch(commits: Sequence[tuple[Commit, int]]) -> None:
    """Raises ValueError for what append_all does not take."""
    if not 0 < len(commits) <= APPEND_ALL_MAX:
        raise ValueError(f"1 to {APPEND_ALL_MAX} commits can be appended together, not {len(commits)}")
    if len({commit.ref for commit, _ in commits}) != len(commits):
        raise ValueError("commits that are appended together belong to different aggregates")


def conflict(commit: Commit, expected: int) -> Conflict:
    message = f"Somebody else changed {commit.ref.aggregate} {commit.ref.id} since position {expected}."
    return Conflict(message, details={"id": commit.ref.id, "expected": expected})


def same(stored: Commit, wanted: Commit) -> bool:
    """Whether `stored` is what `wanted` would be: an id alone does not make another's events ours."""
    return stored.command_id == wanted.command_id and stored.events == wanted.events and not stored.damage


def whole(ref: Ref, commits: Sequence[Recorded]) -> History:
    """The history that `commits` are; raises DamagedHistory when it is not whole: no decision stands on half a history."""
    position = 0
    for recorded in commits:
        commit = recorded.commit
        why = commit.damage
        if commit.unknown:
            why = f"it holds an event of unknown type {commit.unknown[0]}; it was written by a newer rgrid: install that one"
        elif not why and recorded.previous != position:
            why = f"it follows position {recorded.previous}, but {position} comes before it"
        if why:
            message = f"The history of {ref.aggregate} {ref.id} is damaged at position {recorded.position}: {why}."
            raise DamagedHistory(message, details={"position": recorded.position})
        position = recorded.position
    return History(tuple(commits), position)
