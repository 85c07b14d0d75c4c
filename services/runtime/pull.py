"""Standing pulls on a consumer of JetStream: messages come by callback, and pulls overlap so that the flow never halts.

One task per consumer asks for more; no task, timer or queue per message (several times faster than `fetch`). Whatever
goes wrong (a restart of the server, a deleted consumer, silence) ends in the same place: prepare the consumer again and
go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from domain.errors import Unavailable
from services.runtime.bus import NO_RESPONDERS, Bus
from services.runtime.client import DESCRIPTION, STATUS, Headers, Message

log = logging.getLogger("rgrid.nats")

EXPIRES_NS = 30_000_000_000
HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS_MAX = 3 * HEARTBEAT_SECONDS
PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.1, 2.0
PAUSE_SECONDS_ABSENT = 0.02
"""While the consumer is not made yet: it will be any moment, and a person waits for their first script."""
HEARTBEAT, PULL_ENDED = "100", "408"
ABSENT = "its consumer is not there yet"
NO_HEADERS = Headers(b"NATS/1.0\r\n\r\n")


@dataclass(slots=True)
class Pulled:
    """One delivered message; `reply` is where it is acknowledged, `at_ns` when the stream stored it.

    `number` counts the deliveries of its consumer, so a hole in it is a delivery that got lost on the way.
    """

    sequence: int
    subject: str
    data: bytes
    reply: str
    delivery: int
    at_ns: int
    number: int = 0


class Puller:
    """Pulls from one consumer for ever. `prepare` makes sure that it exists and returns its name; `capacity` says how
    many more messages may be on their way or in hand (call `wake` when it grew)."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        prepare: Callable[[], Awaitable[str]],
        on_message: Callable[[Pulled], None],
        capacity: Callable[[], int],
    ) -> None:
        self.bus, self.stream = bus, stream
        self._prepare, self._on_message, self._capacity = prepare, on_message, capacity
        self._changed = asyncio.Event()
        self._asked = 0
        self._lost = ""
        self._heard = False

    def wake(self) -> None:
        """There is room again."""
        self._changed.set()

    def lose(self, why: str) -> None:
        """Prepare the consumer anew: what comes from this one cannot be relied on."""
        self._lost = self._lost or why
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        pause, last = PAUSE_SECONDS_FIRST, ""
        while True:
            try:
                why = await self._pull(await self._prepare())
                if why != ABSENT:
                    pause = PAUSE_SECONDS_FIRST
                elif last != ABSENT:
                    pause = PAUSE_SECONDS_ABSENT
            except Unavailable as error:
                why = error.message
            if why != last:
                log.log(logging.INFO if why == ABSENT else logging.WARNING, "%s: pulling again: %s", self.stream, why)
                last = why
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_FIRST if why == ABSENT else PAUSE_SECONDS_MAX)

    async def _pull(self, consumer: str) -> str:
        """Pull until it breaks; returns why."""
        self._asked, self._lost = 0, ""
        # Not the shared inbox: deliveries carry the subject they were published on, so a token could not tell them apart.
        inbox = self.bus.client.new_inbox()
        subscription = await self.bus.listen(inbox, self._answered)
        forget_reconnect = self.bus.on_reconnect(lambda: self.lose("the connection was renewed"))
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{consumer}"
        try:
            while not self._lost:
                await self._ask(subject, inbox)
                self._changed.clear()
                await self._wait()
            return self._lost
        finally:
            forget_reconnect()
            await self.bus.unsubscribe(subscription)

    async def _ask(self, subject: str, reply: str) -> None:
        """One more pull when there is room worth a message: none is on its way, or a good part of it is used up."""
        room = self._capacity() - self._asked
        if room > 0 and room >= self._asked // 2:
            self._asked += room
            heartbeat_ns = int(HEARTBEAT_SECONDS * 1e9)
            wanted = {"batch": room, "expires": EXPIRES_NS, "idle_heartbeat": heartbeat_ns}
            await self.bus.send(subject, orjson.dumps(wanted), reply=reply)

    async def _wait(self) -> None:
        self._heard = False
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                await self._changed.wait()
        except TimeoutError:
            if self._asked > 0 and not self._heard:
                self.lose("nothing was heard of the consumer, not even a heartbeat")

    def _answered(self, message: Message) -> None:
        self._heard = True
        if self._lost:
            return  # it comes again from the consumer that is prepared now
        if message.reply.startswith("$JS.ACK."):
            self._asked -= 1
            if self._asked <= 0 or not self._asked % 64:
                self._changed.set()
            self._on_message(parse(message))
            return
        headers = message.headers or NO_HEADERS
        status = headers.get(STATUS)
        if status == PULL_ENDED:
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages") or self._asked))
            self._changed.set()
        elif status == NO_RESPONDERS:
            self.lose(ABSENT)
        elif status != HEARTBEAT:
            self.lose(f"{status} {headers.get(DESCRIPTION)}".strip().partition("\n")[0] or "an empty answer")


def parse(message: Message) -> Pulled:
    """Reads the numbers out of the acknowledgement subject: 9 parts in version 1, two more behind `$JS.ACK` in 2."""
    parts = message.reply.split(".")
    delivery, sequence, number, at_ns = parts[4:8] if len(parts) == 9 else parts[6:10]
    return Pulled(int(sequence), message.subject, message.data, message.reply, int(delivery), int(at_ns), int(number))
