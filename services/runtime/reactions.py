"""The durable consumer of one service on one stream: reactions in order per aggregate, many aggregates at once.

A message is acknowledged when its reaction is through, so after any crash it comes again; reactions are repeatable by
their command ids. What fails for want of a server is tried for ever; what fails otherwise is tried DELIVERIES_MAX times
and then parked. A waiting retry holds back its own aggregate only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any

from domain.errors import Conflict, DamagedHistory, HistoryLost, Unavailable
from services.runtime import subjects
from services.runtime.bus import is_final
from services.runtime.park import park
from services.runtime.plain import from_json
from services.runtime.pull import Pulled, Puller
from services.runtime.service import Context, EventItem, FactItem, Item, Service, Shell, Undeclared
from services.runtime.streams import ACK_WAIT_NS, apply_consumer

log = logging.getLogger("rgrid.service")

WORKERS = 32
IN_FLIGHT_MAX = 512
DELIVERIES_MAX = 5
PROGRESS_SECONDS = 10.0
STOP_SECONDS_MAX = 10.0
PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.1, 5.0
INFRASTRUCTURE = (Unavailable, Conflict, OSError, TimeoutError)
"""Errors that pass by themselves."""


@dataclass(slots=True)
class Delivery:
    """A message in hand: how often its reaction failed, and how often only for want of a server."""

    pulled: Pulled
    failures: int = 0
    faults: int = 0


class Reactions:
    """The consumer of one service on one stream."""

    def __init__(self, service: Service, shell: Shell, stream: str, filters: list[str]) -> None:
        self.service, self.shell, self.stream, self.filters = service, shell, stream, filters
        self._by_key: dict[str, deque[Delivery]] = {}
        self._in_flight: dict[int, Delivery] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._stopping = False
        self._seen = 0
        self._puller = Puller(shell.bus, stream, self._prepare, self._on_message, self._capacity)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is in work is finished and the rest handed back. Raises what must stop the service."""
        pulling = [asyncio.create_task(self._puller.run()), asyncio.create_task(self._report_progress())]
        workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*pulling, *workers, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping = True
            for task in (*pulling, stopping):
                task.cancel()
            for _ in workers:
                self._ready.put_nowait("")
            _, late = await asyncio.wait(workers, timeout=STOP_SECONDS_MAX)
            for task in late:
                task.cancel()
            await self._hand_back()
        for task in (*workers, *pulling):
            if task.done() and not task.cancelled():
                task.result()

    async def _prepare(self) -> str:
        """The consumer exists as declared, and what was delivered but never acknowledged comes again at once, in order."""
        bus, name = self.shell.bus, f"service-{self.service.name}"
        declared = {
            "durable_name": name,
            "filter_subjects": self.filters,
            "ack_policy": "explicit",
            "ack_wait": ACK_WAIT_NS,
            "max_deliver": -1,
            "max_ack_pending": 2 * IN_FLIGHT_MAX,
            **await self._start(),
        }
        if await apply_consumer(bus, self.stream, declared):
            await bus.api(f"CONSUMER.RESET.{self.stream}.{name}")
        return name

    async def _start(self) -> dict[str, Any]:
        """Where a consumer that vanished goes on: behind what this process has seen, unless the stream began anew.

        A work queue holds only what nobody has acknowledged, and its server allows no other start than the beginning.
        """
        if self.stream == subjects.REPORTS:
            return {"deliver_policy": "all"}
        last = (await self.shell.bus.api(f"STREAM.INFO.{self.stream}"))["state"]["last_seq"]
        if not self._seen or last < self._seen:
            self._seen = 0
            return {"deliver_policy": "all"}
        start = min(self._in_flight, default=self._seen + 1)
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": start}

    def _capacity(self) -> int:
        return IN_FLIGHT_MAX - len(self._in_flight)

    def _on_message(self, pulled: Pulled) -> None:
        known = self._in_flight.get(pulled.sequence)
        if known is not None and known.pulled.at_ns == pulled.at_ns:
            known.pulled = pulled
            return
        self._seen = max(self._seen, pulled.sequence)
        delivery = self._in_flight[pulled.sequence] = Delivery(pulled)
        key = pulled.subject.rpartition(".")[0]
        queue = self._by_key.get(key)
        if queue is None:
            self._by_key[key] = deque((delivery,))
            self._ready.put_nowait(key)
        else:
            queue.append(delivery)

    async def _work(self) -> None:
        """One of WORKERS: take an aggregate that is ready, react to its oldest message, put it back if it has more."""
        while True:
            key = await self._ready.get()
            if self._stopping:
                return
            queue = self._by_key[key]
            pause = await self._attempt(queue[0])
            if pause is not None:
                asyncio.get_running_loop().call_later(pause, self._ready.put_nowait, key)
                continue
            self._in_flight.pop(queue.popleft().pulled.sequence, None)
            if queue:
                self._ready.put_nowait(key)
            else:
                del self._by_key[key]
            self._puller.wake()

    async def _attempt(self, delivery: Delivery) -> float | None:
        """React and acknowledge; returns None when the message is done with, else after how many seconds to try again."""
        try:
            await self._react(delivery.pulled)
        except (Undeclared, HistoryLost):
            raise
        except Exception as error:
            if isinstance(error, INFRASTRUCTURE) and not is_final(error):
                return self._again(delivery, error)
            delivery.failures += 1
            log.warning("%s: %s failed: %r", self.service.name, delivery.pulled.subject, error)
            if delivery.failures < DELIVERIES_MAX and not isinstance(error, DamagedHistory):
                return min(PAUSE_SECONDS_FIRST * 2**delivery.failures, PAUSE_SECONDS_MAX)
            try:
                await park(self.shell.bus, self.service.name, self.stream, delivery.pulled, error, delivery.failures)
            except Unavailable as unavailable:
                return self._again(delivery, unavailable)
        with contextlib.suppress(Unavailable):  # unacknowledged it comes again, and its reaction adds nothing
            await self.shell.bus.send(delivery.pulled.reply, b"+ACK")
        return None

    def _again(self, delivery: Delivery, error: Exception) -> float:
        if delivery.faults == 0:
            log.warning("%s: %s waits: %s", self.service.name, delivery.pulled.subject, error)
        delivery.faults += 1
        return min(PAUSE_SECONDS_FIRST * 2 ** min(delivery.faults, 10), PAUSE_SECONDS_MAX)

    async def _react(self, pulled: Pulled) -> None:
        assert self.service.react is not None
        for item in self._items(pulled):
            await self.service.react(Context(self.service, self.shell, item), item)

    def _items(self, pulled: Pulled) -> list[Item]:
        """What the message holds for this service; raises DamagedHistory or ValueError when it does not read."""
        if self.stream == subjects.EVENTS:
            recorded = self.shell.decoded.commit(pulled.subject, pulled.sequence, pulled.data)
            if recorded.commit.damage:
                raise DamagedHistory(recorded.commit.damage)
            if recorded.commit.unknown:
                raise DamagedHistory(f"an event of unknown type {recorded.commit.unknown[0]}")
            self.shell.handler.observe(recorded)
            return [
                EventItem(event, recorded, f"{pulled.sequence}.{index}")
                for index, event in enumerate(recorded.commit.events)
                if type(event) in self.service.consumes
            ]
        fact: Any = from_json(subjects.FACTS[pulled.subject.rpartition(".")[2]], pulled.data)
        key = f"{pulled.sequence}.{pulled.at_ns}"
        return [FactItem(fact, subjects.node_of(pulled.subject), pulled.subject, pulled.at_ns // 1000, key)]

    async def _report_progress(self) -> None:
        """What waits or is in work is not delivered to anybody else meanwhile."""
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            with contextlib.suppress(Unavailable):
                for delivery in list(self._in_flight.values()):
                    await self.shell.bus.send(delivery.pulled.reply, b"+WPI")

    async def _hand_back(self) -> None:
        with contextlib.suppress(Unavailable):
            for _, delivery in sorted(self._in_flight.items()):
                await self.shell.bus.send(delivery.pulled.reply, b"-NAK")
