"""The log of one attempt as one sequence of chunks, joined by chunk number out of LOGS, the live subject and the archive.

`next` is the number of the chunk that must come next; nothing is given out of order or twice. What comes early waits,
within bounds; what does not fit is read from LOGS again. What is in no source once the attempt is closed is named as a gap.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from domain.errors import RgridError, Unavailable
from gateway.stream.archive import archived
from gateway.stream.story import Attempt
from services.artifacts.store import ArtifactStore
from services.runtime.log_chunks import Chunk
from services.runtime.log_stored import LogChunks

EARLY_BYTES_MAX = 8 * 1024**2
SEEK_FROM_CHUNK = 256
SEEK_MARGIN = 64
"""Chunks are published in a window, so a repeat may stand a little behind its place; the search starts before it."""
EXPIRED = "These chunks are no longer kept, and no archive holds them."
NEVER_CAME = "The attempt was lost; these chunks never came."

log = logging.getLogger("rgrid.gateway")


@dataclass(frozen=True, slots=True)
class Gap:
    """Chunks `first` to `last` will never come, and `why`."""

    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where chunks are found."""

    chunks: LogChunks
    store: ArtifactStore
    account: str
    execution: str


Piece = Chunk | Gap


class AttemptLog:
    """See the module. Give it the attempt as it stands now with every call."""

    def __init__(self, sources: Sources, after: int = 0) -> None:
        self.next = after + 1
        self.behind = True
        """Something may be stored that was not given yet: catch up."""
        self.done = False
        """The attempt is closed, and all of it was given."""
        self._sources = sources
        self._early: dict[int, Chunk] = {}
        self._early_bytes = 0
        self._overflowed = False
        self._seen = -1
        """Up to which sequence the node's subject was looked at; -1: nowhere yet."""
        self._missing = 0
        """The chunk that LOGS as a whole was searched for in vain."""
        self._archive_read = False

    def offer(self, attempt: Attempt, chunk: Chunk) -> Iterator[Piece]:
        """What can be given now that `chunk` came live; one from a node that does not hold the attempt is ignored."""
        if chunk.node_id != attempt.node_id or chunk.position <= self._seen:
            return
        if chunk.previous > self._seen:
            self.behind = True
            return
        self._seen = chunk.position
        if chunk.head.attempt == attempt.number:
            yield from self._join(chunk)
            self.behind = self._overflowed

    async def catch_up(self, attempt: Attempt) -> AsyncGenerator[Piece, None]:
        """What is stored from here on; for a closed attempt also what the archive holds, and the gaps.

        Raises Unavailable; call it again then.
        """
        self.behind = True
        if self._seen < 0:
            self._seen = await self._position(attempt) - 1
        async for piece in self._read(attempt, self._seen + 1):
            yield piece
        while self._hole(attempt):
            if self._missing != self.next:
                async for piece in self._read(attempt, 1):
                    yield piece
            elif attempt.closed and attempt.log.archive and not self._archive_read:
                async for piece in self._archived(attempt, attempt.log.archive):
                    yield piece
            elif attempt.closed or self._overflowed:
                for piece in self._skip(attempt):
                    yield piece
            else:
                break
        self.behind, self.done = False, attempt.closed

    def _hole(self, attempt: Attempt) -> bool:
        """The chunk that must come next was not seen, though it should exist."""
        return bool(self._early) or self._overflowed or (attempt.closed and self.next <= attempt.log.chunks)

    async def _position(self, attempt: Attempt) -> int:
        """Where in LOGS to begin."""
        if self.next <= SEEK_FROM_CHUNK:
            return 1
        where = self._sources
        near = self.next - SEEK_MARGIN
        return await where.chunks.seek(attempt.node_id, where.account, where.execution, attempt.number, near)

    async def _read(self, attempt: Attempt, start: int) -> AsyncGenerator[Piece, None]:
        where, first = self._sources, self.next
        if start == 1:
            self._overflowed = False
        reading = where.chunks.read(attempt.node_id, where.account, where.execution, start)
        async with aclosing(reading):
            async for chunk in reading:
                self._seen = max(self._seen, chunk.position)
                if chunk.head.attempt == attempt.number:
                    for piece in self._join(chunk):
                        yield piece
        if start == 1 and (not self._overflowed or self.next == first):
            self._missing = self.next

    async def _archived(self, attempt: Attempt, sha256: str) -> AsyncGenerator[Piece, None]:
        where = self._sources
        try:
            async for chunk in archived(where.store, where.account, sha256, attempt.node_id):
                if chunk.head.attempt == attempt.number:
                    for piece in self._join(chunk):
                        yield piece
        except Unavailable:
            raise
        except RgridError as error:
            log.error("log archive of %s attempt %s: %s", where.execution, attempt.number, error.message)
        self._archive_read = True
        self._missing = self.next

    def _join(self, chunk: Chunk) -> Iterator[Piece]:
        number = chunk.head.chunk
        if number < self.next or number in self._early:
            return
        if number > self.next:
            if self._early_bytes + len(chunk.payload) > EARLY_BYTES_MAX:
                self._overflowed = True
                return
            self._early[number] = chunk
            self._early_bytes += len(chunk.payload)
            return
        self.next += 1
        yield chunk
        yield from self._drain()

    def _drain(self) -> Iterator[Piece]:
        while (chunk := self._early.pop(self.next, None)) is not None:
            self._early_bytes -= len(chunk.payload)
            self.next += 1
            yield chunk

    def _skip(self, attempt: Attempt) -> Iterator[Piece]:
        last = min(self._early, default=attempt.log.chunks + 1) - 1
        yield Gap(self.next, last, NEVER_CAME if attempt.lost else EXPIRED)
        self.next = last + 1
        yield from self._drain()
