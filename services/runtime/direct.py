"""Batched direct gets (NATS ADR-31), without a consumer: the stored messages of a filter from a sequence on, the last one
of every subject, or the one at a sequence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from domain.errors import Unavailable
from services.runtime.bus import NO_RESPONDERS, TIMEOUT_SECONDS, Bus
from services.runtime.client import STATUS, Message
from services.runtime.frozen import maker

LAST_MAX = 1024
"""The server refuses to answer for more subjects than this (413)."""
END_OF_BATCH = "204"
NOT_FOUND = "404"


@dataclass(frozen=True, slots=True)
class Stored:
    """One message of a stream; `pending` is how many more match behind the batch (known on the last one of it)."""

    sequence: int
    subject: str
    data: bytes
    pending: int = 0


_make_stored = maker(Stored)


async def read_direct(bus: Bus, stream: str, subject_filter: str, start: int, batch: int) -> list[Stored]:
    """Up to `batch` messages from sequence `start` on; the server may send fewer (then `pending` of the last is > 0).

    Raises Unavailable, also when the stream is not there or does not allow direct gets.
    """
    return await _ask(bus, stream, {"batch": batch, "seq": start, "next_by_subj": subject_filter})


async def read_last(bus: Bus, stream: str, subject_filters: Sequence[str]) -> list[Stored]:
    """The last message of every subject that matches one of the filters, as of one moment; LAST_MAX subjects at most.

    The server may send fewer; then `pending` of the last is > 0. Raises Unavailable.
    """
    return await _ask(bus, stream, {"batch": LAST_MAX, "multi_last": list(subject_filters)})


async def read_at(bus: Bus, stream: str, sequence: int) -> Stored | None:
    """The message at `sequence`, None when there is none. Raises Unavailable."""
    found = await _ask(bus, stream, {"batch": 1, "seq": sequence})
    return found[0] if found and found[0].sequence == sequence else None


async def _ask(bus: Bus, stream: str, wanted: Mapping[str, Any]) -> list[Stored]:
    found: list[Message] = []
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def answered(message: Message | None) -> None:
        if done.done():
            return
        status = "lost" if message is None else message.headers.get(STATUS) if message.headers else ""
        if status:
            done.set_result(status)
        elif message is not None:
            found.append(message)

    token = bus.expect(answered)
    timer = done.get_loop().call_later(2 * TIMEOUT_SECONDS, answered, None)
    try:
        await bus.send(f"$JS.API.DIRECT.GET.{stream}", orjson.dumps(wanted), reply=bus.reply_to(token))
        status = await done
    finally:
        timer.cancel()
        bus.forget(token)
    if status == NO_RESPONDERS:
        raise Unavailable(f"The stream {stream} is not there (yet).")
    if status not in (END_OF_BATCH, NOT_FOUND):
        raise Unavailable(f"NATS did not finish reading {stream} ({status}, {bus.state}).")
    return [_stored(message, last=message is found[-1]) for message in found]


def _stored(message: Message, *, last: bool) -> Stored:
    headers = message.headers
    assert headers is not None, "a direct answer says where its message stands"
    pending = int(headers.get("Nats-Num-Pending") or 0) if last else 0
    return _make_stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], message.data, pending)
