"""The event log in memory: for tests, simulations and rehearsals. It keeps the stored form, so the codec is used too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from domain.errors import DamagedHistory
from services.runtime.codec import encode_commit, read_commit
from services.runtime.log import Commit, History, Recorded, Ref, check_batch, conflict, same, whole


class MemoryLog:
    """EventLog over a list."""

    def __init__(self) -> None:
        self._stored: list[tuple[Ref, bytes]] = []
        self._positions: defaultdict[Ref, list[int]] = defaultdict(list)
        self._grew = asyncio.Condition()

    async def load(self, ref: Ref) -> History:
        """See EventLog."""
        return whole(ref, [self._recorded(position) for position in self._positions[ref]])

    async def load_all(self, refs: Sequence[Ref]) -> list[History | DamagedHistory]:
        """See EventLog."""
        found: list[History | DamagedHistory] = []
        for ref in refs:
            try:
                found.append(await self.load(ref))
            except DamagedHistory as damage:
                found.append(damage)
        return found

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

    def put_raw(self, ref: Ref, data: bytes) -> None:
        """Store what no append would: for tests of what readers do then."""
        self._stored.append((ref, data))
        self._positions[ref].append(len(self._stored))

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
        return read_commit(ref, position, data)

    def _last(self, ref: Ref) -> int:
        positions = self._positions[ref]
        return positions[-1] if positions else 0

    def _stored_before(self, commit: Commit, expected: int) -> int:
        """The position of this very commit when it was stored before, else 0."""
        following = next((position for position in self._positions[commit.ref] if position > expected), 0)
        return following if following and same(self._recorded(following).commit, commit) else 0
