"""Whatever the pieces in which it comes, our parser hands on what nats-py's does."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from services.runtime.parser import LARGE_BYTES, LeanParser

HEADERS = b"NATS/1.0\r\nNats-Sequence: 7\r\n\r\n"


class Heard:
    """In the place of a client: remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.told.append((sid, bytes(subject), bytes(reply), data, headers))

    async def _process_ping(self) -> None:
        self.told.append(("ping",))

    async def _process_pong(self) -> None:
        self.told.append(("pong",))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.told.append(("info", info))

    async def _process_err(self, error: str) -> None:
        self.told.append(("error", error))


payloads = st.one_of(st.binary(max_size=30), st.just(b"\r\nMSG a 1 2\r\n"), st.just(b"x" * (LARGE_BYTES + 1)))
replies = st.sampled_from([b"", b"_INBOX.abc "])


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    kind, payload, reply = draw(st.sampled_from("mhhpoie")), draw(payloads), draw(replies)
    if kind == "m":
        return b"MSG a.b 12 %s%d\r\n%s\r\n" % (reply, len(payload), payload)
    if kind == "h":
        return b"HMSG a.b 12 %s%d %d\r\n%s%s\r\n" % (reply, len(HEADERS), len(HEADERS) + len(payload), HEADERS, payload)
    return {"p": b"PING\r\n", "o": b"PONG\r\n", "i": b'INFO {"a":1}\r\n', "e": b"-ERR 'Slow Consumer'\r\n"}[kind]


def told(parser: Any, stream: bytes, cuts: list[int]) -> list[tuple[Any, ...]]:
    async def feed() -> None:
        ends = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
        for start, end in zip([0, *ends], ends, strict=False):
            await parser.parse(stream[start:end])

    asyncio.run(feed())
    told: list[tuple[Any, ...]] = parser.nc.told
    return told


@settings(max_examples=200, deadline=None)
@given(stream=st.lists(pieces(), max_size=8).map(b"".join), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_the_same_is_heard(stream: bytes, cuts: list[int]) -> None:
    ours, theirs = LeanParser(Heard()), Parser(Heard())
    assert told(ours, stream, cuts) == told(theirs, stream, [])
    assert not ours.buf


def test_nonsense_is_refused() -> None:
    for nonsense in (b"MSG a b c\r\n", b"HMSG a 1 x y\r\n", b"WHAT\r\n"):
        try:
            told(LeanParser(Heard()), nonsense, [])
        except ProtocolError:
            continue
        raise AssertionError(nonsense)
