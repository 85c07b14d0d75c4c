"""The last lines of an attempt: where to begin so that they are what comes."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from gateway.stream.attempt_log import AttemptLog, Gap, Sources
from gateway.stream.story import Attempt
from services.runtime.log_chunks import Chunk

WINDOW_CHUNKS = 64
WINDOW_GROWTH = 8
TAIL_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Start:
    """Begin behind chunk `after`, and leave out `skip_lines` line ends of what comes first."""

    after: int = 0
    skip_lines: int = 0


async def tail_start(sources: Sources, attempt: Attempt, lines: int, stream: str | None) -> Start:
    """Where the last `lines` lines (of `stream`, if given) begin. Reads back in growing windows, never the whole log at once."""
    last = await _last_chunk(sources, attempt)
    window = WINDOW_CHUNKS
    while True:
        after = max(0, last - window)
        start = await _within(sources, attempt, lines, stream, after)
        if start is not None or after == 0:
            return start or Start()
        window *= WINDOW_GROWTH


async def _last_chunk(sources: Sources, attempt: Attempt) -> int:
    if attempt.closed and not attempt.lost:
        return attempt.log.chunks
    end = await sources.chunks.end(attempt.node_id, sources.account, sources.execution)
    reading = sources.chunks.read(attempt.node_id, sources.account, sources.execution, max(1, end))
    async with aclosing(reading):
        async for chunk in reading:
            if chunk.head.attempt == attempt.number:
                return chunk.head.chunk
    return WINDOW_CHUNKS


async def _within(sources: Sources, attempt: Attempt, lines: int, stream: str | None, after: int) -> Start | None:
    """The start, if there are at least `lines` lines behind chunk `after`."""
    counts: deque[tuple[int, int]] = deque()
    total = 0
    async with aclosing(AttemptLog(sources, after).catch_up(attempt)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Gap) or stream not in (None, piece.head.stream):
                continue
            counts.append((piece.head.chunk, piece.head.lines))
            total += piece.head.lines
            while len(counts) > 1 and total - counts[0][1] >= lines:
                total -= counts.popleft()[1]
    if not counts or total < lines:
        return None
    return Start(counts[0][0] - 1, total - lines)


def without_lines(chunk: Chunk, count: int) -> bytes:
    """The payload of `chunk` without its first `count` lines."""
    head, content = chunk.head, chunk.content
    at = 0
    for _ in range(count):
        found = content.find(b"\n", at)
        if found < 0:
            break
        at = found + 1
    new_head = {
        "attempt": head.attempt,
        "chunk": head.chunk,
        "stream": head.stream,
        "line": head.line + count,
        "lines": max(0, head.lines - count),
        "at_us": head.at_us,
    }
    return orjson.dumps(new_head) + b"\n" + content[at:]
