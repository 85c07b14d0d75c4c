"""Request bodies as they arrive: in pieces, to be stored by a thread while the next piece comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from domain.errors import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Step = Callable[[bytes, bool], bool | None]
"""Stores a piece (and whether it is the last one) in a thread; its answer, once not None, is that of the whole body."""
Start = Callable[[Callable[[], bool | None]], "asyncio.Future[bool | None]"]

PIECE_BYTES = 512 * 1024
IDLE_SECONDS_MAX = 60.0
"""A client that sends nothing for so long has lost its request (not what it sent before)."""


class ClientGone(Exception):
    """The connection ended before the request did."""


class Writer:
    """A request that brings a body: when it was last heard of, and a way to stop it. `brief`: it only asks."""

    def __init__(self, brief: bool = False) -> None:
        self.brief = brief
        self.ended = asyncio.Event()
        self.patience: asyncio.Timeout | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()

    def silent_seconds(self) -> float:
        """How long nothing was heard of the client."""
        return self._loop.time() - self._heard_at

    def heard(self) -> None:
        """Something came."""
        self._heard_at = self._loop.time()
        if self.patience is not None:
            self.patience.reschedule(self._heard_at + IDLE_SECONDS_MAX)

    def stop(self) -> None:
        """Wait for its body no longer."""
        if self.patience is not None:
            self.patience.reschedule(self._loop.time())


async def pour(receive: Receive, start: Start, step: Step, writer: Writer) -> bool | None:
    """Give a body to `step`, piece by piece and one at a time, and return its answer.

    Raises ClientGone, Refused (UPLOAD_STALLED), and what `step` raises; no step runs any more when it returns or raises.
    """
    running: asyncio.Future[bool | None] | None = None
    try:
        async with asyncio.timeout(IDLE_SECONDS_MAX) as writer.patience:
            async for piece, last in _pieces(receive, writer):
                if running is not None and (answer := await _answer(running)) is not None:
                    return answer
                running = start(lambda piece=piece, last=last: step(piece, last))  # type: ignore[misc]
            return await _answer(running) if running is not None else None
    except TimeoutError:
        message = "The upload fell silent. Ask with HEAD how far it got and go on from there."
        raise Refused(message, code="UPLOAD_STALLED") from None
    finally:
        writer.patience = None
        if running is not None:
            await asyncio.wait({running})
            running.exception()


async def _answer(running: asyncio.Future[bool | None]) -> bool | None:
    """The answer of a step; being cancelled meanwhile does not touch it, since its thread goes on anyway."""
    await asyncio.wait({running})
    return running.result()


async def _pieces(receive: Receive, writer: Writer) -> AsyncIterator[tuple[bytes, bool]]:
    """The body in pieces of half a MiB, and whether it is the last one; what came before a break is still given."""
    held: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            if held:
                yield b"".join(held), False
            raise ClientGone
        writer.heard()
        body, more = message.get("body", b""), message.get("more_body", False)
        held.append(body)
        size += len(body)
        if not more or size >= PIECE_BYTES:
            yield b"".join(held), not more
            held, size = [], 0
        if not more:
            return
