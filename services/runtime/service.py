"""What a service is: a name, what wakes it, what it may send, and a function that reacts."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from domain.errors import DamagedHistory
from domain.ids import id_from
from services.runtime import subjects
from services.runtime.bulk import Outcome, handle_all
from services.runtime.bus import Bus
from services.runtime.codec import Decoded
from services.runtime.handle import Handler
from services.runtime.locks import Locks
from services.runtime.log import Commit, EventLog, Recorded, Ref
from services.runtime.messages import CancelWork, ForgetWork, RunWork
from services.runtime.nodes import reports_pending
from services.runtime.orders import Folded, Handled, Order
from services.runtime.plain import to_json
from services.runtime.streams import ensure_runner_consumer


@dataclass(frozen=True, slots=True)
class EventItem:
    """One event out of the log, as a reaction gets it. `key` names it, the same at every delivery."""

    event: Any
    recorded: Recorded
    key: str

    @property
    def commit(self) -> Commit:
        return self.recorded.commit

    @property
    def ref(self) -> Ref:
        return self.recorded.commit.ref

    @property
    def position(self) -> int:
        return self.recorded.position

    @property
    def cause(self) -> int:
        return self.recorded.position


@dataclass(frozen=True, slots=True)
class FactItem:
    """One fact of a runner, from stream REPORTS; `node_id` is proven by the subject, which only that node may use."""

    fact: Any
    node_id: str
    subject: str
    at_us: int
    """When NATS stored it."""
    key: str
    cause: int = 0


Item = EventItem | FactItem


class Undeclared(Exception):
    """A service sent a command that its declaration does not list: a mistake in our code, so the service is stopped."""


@dataclass(frozen=True, slots=True)
class Service:
    """A declaration.

    `consumes`: event classes (of domain.catalog) and fact classes (StartedFact, ...); `react` gets an EventItem or a
    FactItem for each. `sends`: command classes. `start`: runs beside the reactions for as long as the service does
    (clocks, loops over `context.log.follow`); it is started again when it fails for want of a server.
    """

    name: str
    consumes: tuple[type, ...]
    sends: tuple[type, ...]
    react: Callable[[Context, Any], Awaitable[None]] | None = None
    start: Callable[[Context], Awaitable[None]] | None = None
    follows: tuple[type, ...] = ()
    """Events that `start` folds out of `context.log.follow` itself; no consumer is made for them."""


@dataclass(slots=True)
class Shell:
    """What all services of a process share. `queries` and `store` are None where no service needs them."""

    bus: Bus
    handler: Handler
    queries: Any = None
    settings: Any = None
    store: Any = None
    locks: Locks = field(default_factory=Locks)
    decoded: Decoded = field(default_factory=Decoded)
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000


@dataclass(slots=True)
class Context:
    """What a reaction may use; made anew for every item, so that repeats of a reaction repeat its command ids."""

    service: Service
    shell: Shell
    item: Item | None = None
    _sent: dict[tuple[str, str], int] = field(default_factory=dict)

    async def handle(self, ref: Ref, command: Any, *, command_id: str | None = None) -> Handled:
        """Send a command. Raises Undeclared when the service does not declare it, else what Handler.handle raises."""
        self._check_declared(command)
        return await self.shell.handler.handle(
            ref,
            command,
            command_id=command_id or self._command_id(ref, type(command).__name__),
            actor=self.actor,
            cause=self.item.cause if self.item else 0,
            now_us=self.shell.now_us(),
        )

    def order(self, ref: Ref, *commands: Any, when: Callable[[Folded], bool] | None = None, new: bool = False) -> Order:
        """What `handle_all` takes, under a command id that is the same at every delivery of the item."""
        return Order(ref, commands, self._command_id(ref, type(commands[0]).__name__), when, new)

    async def handle_all(self, orders: Sequence[Order]) -> list[Outcome]:
        """Send many commands to as many aggregates (services.runtime.bulk). Raises Undeclared, else what that raises."""
        for kind in {type(command): command for order in orders for command in order.commands}.values():
            self._check_declared(kind)
        return await handle_all(
            self.shell.handler,
            orders,
            actor=self.actor,
            cause=self.item.cause if self.item else 0,
            now_us=self.shell.now_us(),
        )

    async def state(self, ref: Ref, at_least: int = 0) -> Any:
        """The folded state of an aggregate as of position `at_least` or later; of the cache when that is enough."""
        return await self.shell.handler.state_at(ref, at_least)

    async def load(self, ref: Ref) -> tuple[Any, int]:
        """The folded state and its position as the log has them now."""
        return await self.shell.handler.state(ref)

    async def load_all(self, refs: Sequence[Ref]) -> list[Folded | DamagedHistory]:
        """The same for many, in few requests; one with a damaged history is that error."""
        return await self.shell.handler.load_all(refs)

    async def states(self, refs: Sequence[Ref]) -> list[Any]:
        """What is known of many, as old as it may be; loaded where nothing is. None for one with a damaged history."""
        handler = self.shell.handler
        known = {ref: found.state for ref in refs if (found := handler.cached(ref)) is not None}
        missing = [ref for ref in refs if ref not in known]
        for ref, each in zip(missing, await handler.load_all(missing), strict=True):
            known[ref] = None if isinstance(each, DamagedHistory) else each.state
        return [known[ref] for ref in refs]

    async def publish_work(self, node_id: str, work: RunWork | CancelWork | ForgetWork) -> int:
        """Hand `work` to a node; a repeat within ten minutes is stored once."""
        if isinstance(work, ForgetWork):
            about = f"forget.{work.account}.{'.'.join(work.environments)}.{self.item.key if self.item else uuid4().hex}"
            return await self.shell.bus.publish(
                subjects.work(node_id, "environment"), to_json(work), f"{node_id}.{about}"
            )
        name = f"{work.account}.{work.execution}.{work.attempt}"
        msg_id = name if isinstance(work, RunWork) else f"{name}.cancel.{work.cause}"
        return await self.shell.bus.publish(subjects.work(node_id, work.execution), to_json(work), msg_id)

    async def ensure_node(self, node_id: str) -> None:
        """The consumer of this node's work exists; a node may not make it itself."""
        await ensure_runner_consumer(self.shell.bus, node_id)

    async def reports_pending(self, consumer: str) -> bool:
        """Whether `consumer` has facts of nodes before it that it has not dealt with."""
        return await reports_pending(self.shell.bus, consumer)

    @property
    def log(self) -> EventLog:
        """The event log: read, follow, load."""
        return self.shell.handler.log

    @property
    def bus(self) -> Bus:
        return self.shell.bus

    @property
    def queries(self) -> Any:
        return self.shell.queries

    @property
    def settings(self) -> Any:
        return self.shell.settings

    def now_us(self) -> int:
        return self.shell.now_us()

    @property
    def actor(self) -> str:
        """Who the commits of this service say they are by."""
        return f"service:{self.service.name}"

    @property
    def logger(self) -> logging.Logger:
        return logging.getLogger(f"rgrid.{self.service.name}")

    def _check_declared(self, command: Any) -> None:
        if type(command) not in self.service.sends:
            raise Undeclared(f"{self.service.name} sends {type(command).__name__}, which it does not declare")

    def _command_id(self, ref: Ref, command: str) -> str:
        """The same at every delivery of the item: what was sent before is then recognised. Random outside of items."""
        if self.item is None:
            return f"{self.service.name}.{uuid4().hex}"
        same = (command, f"{ref.account}.{ref.aggregate}.{ref.id}")
        count = self._sent[same] = self._sent.get(same, 0) + 1
        return id_from("cmd", self.service.name, self.item.key, *same, str(count))
