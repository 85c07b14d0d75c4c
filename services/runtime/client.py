"""nats-py's client with a shorter way from the socket to our callbacks (no queue, task or header parsing per message) and
out to the socket."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from nats.aio.client import Client

from services.runtime.parser import LeanParser

log = logging.getLogger("rgrid.nats")

STATUS, DESCRIPTION = "Status", "Description"
VERSION_BYTES = len(b"NATS/1.0")
CARRIAGE_RETURN = 13


class Headers:
    """The headers of one message, looked at only for what is asked: a stored commit has eight, a reader wants two.

    Of two with one name the last counts: a server adds its own behind those that a publisher made up.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def get(self, name: str, default: str = "") -> str:
        """Exactly so written; `Status` and `Description` are those of the first line."""
        raw = self._raw
        if name is STATUS and raw[VERSION_BYTES] == CARRIAGE_RETURN:
            return default
        if name in (STATUS, DESCRIPTION):
            status, _, described = raw[VERSION_BYTES : raw.index(b"\r\n")].strip().partition(b" ")
            return (status if name == STATUS else described.strip()).decode() or default
        needle = _needle(name)
        at = raw.rfind(needle)
        if at < 0:
            return default
        at += len(needle)
        return raw[at : raw.index(b"\r\n", at)].strip().decode("utf-8", "surrogateescape")

    def __getitem__(self, name: str) -> str:
        found = self.get(name, "\0")
        if found == "\0":
            raise KeyError(name)
        return found


@cache
def _needle(name: str) -> bytes:
    return f"\r\n{name}:".encode()


@dataclass(slots=True)
class Message:
    """What came in."""

    subject: str
    reply: str
    data: bytes
    headers: Headers | None


class LeanClient(Client):
    """Calls callbacks made by `at_once` straight from the parser; whoever else subscribes gets nats-py's own way."""

    def __init__(self) -> None:
        super().__init__()
        self._ps = LeanParser(self)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        sub = self._subs.get(sid)
        call = getattr(sub._cb, "at_once", None) if sub is not None else None
        if call is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            call(Message(subject.decode(), reply.decode(), data, Headers(headers) if headers else None))
        except Exception:
            log.exception("a message on %s broke its reader", subject.decode())

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        """The headers in one go: a commit has four, and nats-py takes each through five steps."""
        block = "".join([f"{name}: {value}\r\n" for name, value in headers.items()]) if headers else ""
        if not headers or block.count("\n") != len(headers) or block.count("\r") != len(headers):
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        head = f"NATS/1.0\r\n{block}\r\n".encode()
        line = f"HPUB {subject} {reply} {len(head)} {len(head) + payload_size}\r\n".encode()
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(b"".join((line, head, payload, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()


def at_once(call: Callable[[Message], None]) -> Callable[[Message], Awaitable[None]]:
    """A callback for `Client.subscribe` that LeanClient calls without a queue between; it must not take long."""

    async def queued(message: Message) -> None:
        call(message)

    queued.at_once = call  # type: ignore[attr-defined]
    return queued
