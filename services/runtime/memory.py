"""The event log in memory: for tests, simulations and rehearsals. It keeps the stored form, so the codec is used too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from domain.errors import Conflict, DamagedHistory
from services.runtime.codec import decode_commit, encode_commit
from services.runtime.log import Commit, History, Recorded, Ref

APPEND_ALL_MAX = 1000


class MemoryLog:
    """EventLog over a list."""

    def __init__(self) -> None:
        self._stored: list[tuple[Ref, bytes]] = []
        self._positions: defaultdict[Ref, list[int]] = defaultdict(list)
        self._grew = asyncio.Condition()

    async def load(self, ref: Ref) -> History:
        """See EventLog."""
        commits = tuple(whole(self._recorded(position)) for position in self._positions[ref])
        return History(commits, commits[-1].position if commits else 0)

    async def append(self, commit: Commit, expected: int) -> int:
        """See EventLog."""
        return (await self.append_all([(commit, expected)]))[0]

    async def append_all(self, commits: Sequence[tuple[Commit, int]]) -> list[int]:
        """See EventLog."""
        check_batch(commits)
        encoded = [encode_commit(commit, expected) for commit, expected in commits]
        stored = [self._stored_before(commit, expected) for commit, expected in commits]
        if all(stored):
            return stored
        for commit, expected in commits:
            if self._last(commit.ref) != expected:
                raise conflict(commit, expected)
        async with self._grew:
            for (commit, _), data in zip(commits, encoded, strict=True):
                self._stored.append((commit.ref, data))
                self._positions[commit.ref].append(len(self._stored))
            self._grew.notify_all()
        return list(range(len(self._stored) - len(commits) + 1, len(self._stored) + 1))

    async def read(
        self, after: int = 0, *, until: int | None = None, batch: int = 1000
    ) -> AsyncIterator[list[Recorded]]:
        """See EventLog."""
        last = len(self._stored) if until is None else min(until, len(self._stored))
        for start in range(after + 1, last + 1, batch):
            yield [self._recorded(position) for position in range(start, min(start + batch, last + 1))]

    async def follow(self, after: int) -> AsyncIterator[list[Recorded]]:
        """See EventLog."""
        while True:
            async with self._grew:
                while len(self._stored) <= after:
                    await self._grew.wait()
            async for recorded in self.read(after):
                after = recorded[-1].position
                yield recorded

    async def last_position(self) -> int:
        """See EventLog."""
        return len(self._stored)

    def _recorded(self, position: int) -> Recorded:
        ref, data = self._stored[position - 1]
        return decode_commit(ref, position, data)

    def _last(self, ref: Ref) -> int:
        positions = self._positions[ref]
        return positions[-1] if positions else 0

    def _stored_before(self, commit: Commit, expected: int) -> int:
        """The position of this very commit when it was stored before, else 0."""
        following = next((position for position in self._positions[commit.ref] if position > expected), 0)
        return following if following and self._recorded(following).commit.command_id == commit.command_id else 0


def check_batch(commits: Sequence[tuple[Commit, int]]) -> None:
    """Raises ValueError for what append_all does not take."""
    if not 0 < len(commits) <= APPEND_ALL_MAX:
        raise ValueError(f"1 to {APPEND_ALL_MAX} commits can be appended together, not {len(commits)}")
    if len({commit.ref for commit, _ in commits}) != len(commits):
        raise ValueError("commits that are appended together belong to different aggregates")


def conflict(commit: Commit, expected: int) -> Conflict:
    message = f"Somebody else changed {commit.ref.aggregate} {commit.ref.id} since position {expected}."
    return Conflict(message, details={"id": commit.ref.id, "expected": expected})


def whole(recorded: Recorded) -> Recorded:
    """`recorded` itself; raises DamagedHistory when an event in it is unknown: no decision stands on half a history."""
    commit = recorded.commit
    if commit.unknown:
        message = f"{commit.ref.aggregate} {commit.ref.id} has an event of unknown type {commit.unknown[0]}"
        hint = "it was written by a newer rgrid: install that one"
        raise DamagedHistory(
            f"{message} at position {recorded.position}; {hint}.", details={"position": recorded.position}
        )
    return recorded
