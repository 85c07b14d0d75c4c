"""Publishes a spool to the LOGS stream, in order, with a bounded number of chunks under way.

A chunk that may not have been stored is sent again together with all that came after it: what the stream holds is then
the chunks in order, some of them perhaps twice. A reader takes the next number it waits for and drops the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any

from domain.errors import Unavailable
from services.runner.logs.spool import Spool
from services.runtime.bus import Bus
from services.runtime.log_frames import LENGTH

UNDER_WAY_BYTES_MAX = 2 * 1024**2
UNDER_WAY_MAX = 64
ANSWER_SECONDS = 5.0
PAUSE_SECONDS_MAX = 2.0


@dataclass(slots=True, eq=False)
class _Sent:
    """A chunk that was sent: the offset behind it, and whether the server said that it is stored."""

    end: int
    token: str = ""
    stored: bool = False


class Publisher:
    """Tails one spool. `wake` is set when the spool has grown, and when it was closed."""

    def __init__(self, bus: Bus, subject: str, spool: Spool, wake: asyncio.Event) -> None:
        self._bus, self._subject, self._spool, self._wake = bus, subject, spool, wake
        self._acked = self._sent = 0
        self._under_way: deque[_Sent] = deque()
        self._broken = False
        self._closed = False

    async def run(self) -> None:
        """Publish until the spool is closed and every chunk of it is stored, however long the server is away."""
        pause = 0.05
        while not (self._closed and self._acked == self._spool.offset):
            before = self._acked
            try:
                await self._send()
            except Unavailable:
                self._broken = True
            if self._broken:
                self._again()
                pause = 0.05 if self._acked > before else min(pause * 2, PAUSE_SECONDS_MAX)
                await asyncio.sleep(pause)
            elif not await self._woken():
                self._broken = True

    def close(self) -> None:
        """Nothing more will be written to the spool."""
        self._closed = True
        self._wake.set()

    async def _send(self) -> None:
        while self._sent < self._spool.offset and self._room():
            data = self._spool.read(self._sent)
            sent = _Sent(self._sent + LENGTH.size + len(data))
            sent.token = self._bus.expect(partial(self._answered, sent))
            self._under_way.append(sent)
            self._sent = sent.end
            await self._bus.send(self._subject, data, reply=self._bus.reply_to(sent.token))

    def _room(self) -> bool:
        return len(self._under_way) < UNDER_WAY_MAX and self._sent - self._acked < UNDER_WAY_BYTES_MAX

    async def _woken(self) -> bool:
        """Wait for more to do; False when the server owes an answer for too long."""
        if self._closed and self._acked == self._spool.offset:
            return True
        try:
            await asyncio.wait_for(self._wake.wait(), ANSWER_SECONDS if self._under_way else None)
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    def _answered(self, sent: _Sent, message: Any | None) -> None:
        if sent not in self._under_way:
            return
        sent.stored = message is not None and b'"seq"' in message.data and b'"error"' not in message.data
        self._broken = self._broken or not sent.stored
        while self._under_way and self._under_way[0].stored:
            first = self._under_way.popleft()
            self._bus.forget(first.token)
            self._acked = first.end
        self._wake.set()

    def _again(self) -> None:
        """Go back to the first chunk that is not known to be stored."""
        for sent in self._under_way:
            self._bus.forget(sent.token)
        self._under_way.clear()
        self._sent = self._acked
        self._broken = False
