"""The log as it is now, once through: raw bytes, or one JSON object a line. Memory is bounded however long the log is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.stream.attempt_log import AttemptLog, Gap, Piece, Sources
from gateway.stream.story import Attempt, Story
from gateway.stream.tail import tail_start, without_lines
from projections.execution_doc import iso
from services.runtime.log_chunks import Chunk, chunk_of

LINE_BYTES_MAX = 1024**2
"""A longer line comes in several objects, all but the last with `"partial": true`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`attempt`: only that one; `after_chunk`, `tail` and `stream` as in the live stream; `since_us`: not before it."""

    attempt: int | None = None
    after_chunk: int = 0
    stream: str | None = None
    tail: int | None = None
    since_us: int | None = None


async def pieces(sources: Sources, story: Story, wish: Wish) -> AsyncGenerator[Piece, None]:
    """What there is, attempt by attempt. Raises Unavailable."""
    for attempt in _attempts(story, wish):
        after, skip = wish.after_chunk if attempt.number == (wish.attempt or 1) else 0, 0
        if wish.tail is not None:
            start = await tail_start(sources, attempt, wish.tail, wish.stream)
            after, skip = max(after, start.after), start.skip_lines
        async with aclosing(AttemptLog(sources, after).catch_up(attempt)) as found:
            async for piece in found:
                if isinstance(piece, Chunk):
                    if wish.stream not in (None, piece.head.stream):
                        continue
                    if wish.since_us is not None and piece.head.at_us < wish.since_us:
                        continue
                    if skip:
                        piece, skip = chunk_of(piece.node_id, without_lines(piece, skip)) or piece, 0
                yield piece


def _attempts(story: Story, wish: Wish) -> list[Attempt]:
    known = [story.attempts[number] for number in sorted(story.attempts)]
    if wish.attempt is not None:
        return [each for each in known if each.number == wish.attempt]
    return known[-1:] if wish.tail is not None else known


async def raw(sources: Sources, story: Story, wish: Wish) -> AsyncGenerator[bytes, None]:
    """The bytes as the script wrote them, a gap as a line of its own."""
    async with aclosing(pieces(sources, story, wish)) as found:
        async for piece in found:
            if isinstance(piece, Gap):
                yield f"\n[rgrid: log chunks {piece.first} to {piece.last} are missing. {piece.why}]\n".encode()
            else:
                yield piece.content


async def ndjson(sources: Sources, story: Story, wish: Wish) -> AsyncGenerator[bytes, None]:
    """One object a line of the log, without its newline; `base64` in the place of `text` for what is not UTF-8."""
    lines = _Lines()
    async with aclosing(pieces(sources, story, wish)) as found:
        async for piece in found:
            objects = [_gap(piece)] if isinstance(piece, Gap) else list(lines.of(piece))
            if objects:
                yield b"\n".join(objects) + b"\n"
    rest = list(lines.rest())
    if rest:
        yield b"\n".join(rest) + b"\n"


def _gap(gap: Gap) -> bytes:
    return orjson.dumps({"gap": {"from_chunk": gap.first, "to_chunk": gap.last, "why": gap.why}})


class _Lines:
    """Cuts chunks into lines; the unfinished line of each stream waits for its rest."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], tuple[Chunk, int, bytes]] = {}

    def of(self, chunk: Chunk) -> Iterator[bytes]:
        key = (chunk.head.attempt, chunk.head.stream)
        begun, number, held = self._open.pop(key, (chunk, chunk.head.line, b""))
        *whole, last = (held + chunk.content).split(b"\n")
        for text in whole:
            yield _line(begun, number, text)
            begun, number = chunk, number + 1
        while len(last) > LINE_BYTES_MAX:
            yield _line(begun, number, last[:LINE_BYTES_MAX], partial=True)
            last = last[LINE_BYTES_MAX:]
        if last:
            self._open[key] = (begun, number, last)

    def rest(self) -> Iterator[bytes]:
        for begun, number, text in self._open.values():
            yield _line(begun, number, text)


def _line(chunk: Chunk, number: int, text: bytes, partial: bool = False) -> bytes:
    head = chunk.head
    value: dict[str, Any] = {
        "attempt": head.attempt,
        "line": number,
        "stream": head.stream,
        "at": iso(head.at_us),
    }
    try:
        value["text"] = text.decode()
    except UnicodeDecodeError:
        value["base64"] = b64encode(text).decode()
    return orjson.dumps({**value, "partial": True} if partial else value)
