"""A service's context over the log in memory, with the real handler: what it sends is in the log, what it hands out in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.runtime.handle import Handler
from services.runtime.log import Commit, Recorded, Ref
from services.runtime.memory import MemoryLog
from services.runtime.messages import CancelWork, ForgetWork, RunWork
from services.runtime.service import Context, EventItem, FactItem, Service, Shell
from services.runtime.settings import Settings

NOW = 1_790_000_000_000_000


@dataclass
class Bench:
    """`work`: what was handed to nodes; `nodes`: whose way to their work was prepared."""

    service: Service
    queries: Any = None
    store: Any = None
    settings: Settings = field(default_factory=Settings)
    now_us: int = NOW
    work: list[tuple[str, RunWork | CancelWork | ForgetWork]] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    pending: bool = False

    def __post_init__(self) -> None:
        self.log = MemoryLog()
        self.shell = Shell(
            None,  # type: ignore[arg-type]  # nothing here speaks to a server
            Handler(self.log),
            self.queries,
            self.settings,
            self.store,
            now_us=lambda: self.now_us,
        )

    def context(self, item: EventItem | FactItem | None = None) -> Context:
        context = _Recording(self.service, self.shell, item)
        context.bench = self
        return context

    async def given(self, ref: Ref, *events: Any) -> Recorded:
        """Append history; the last commit of it."""
        history = await self.log.load(ref)
        position = history.position
        for event in events:
            previous = position
            commit = Commit(ref, f"given.{await self.log.last_position()}", self.now_us, "test", (event,))
            position = await self.log.append(commit, previous)
        return Recorded(position, previous, commit)

    async def happened(self, recorded: Recorded) -> None:
        """The service reacts to a commit, twice: a second delivery must add nothing."""
        assert self.service.react is not None
        for _ in range(2):
            item = EventItem(recorded.commit.events[0], recorded, f"{recorded.position}.0")
            await self.service.react(self.context(item), item)

    async def reported(self, node_id: str, fact: Any, at_us: int | None = None) -> None:
        """The service reacts to a runner's fact, twice."""
        assert self.service.react is not None
        item = FactItem(fact, node_id, f"rgrid.report.{node_id}.x.y", at_us or self.now_us, f"{node_id}.{fact!r}")
        for _ in range(2):
            await self.service.react(self.context(item), item)

    async def events(self, ref: Ref) -> list[Any]:
        return [event for each in (await self.log.load(ref)).commits for event in each.commit.events]


class _Recording(Context):
    bench: Bench

    async def publish_work(self, node_id: str, work: RunWork | CancelWork | ForgetWork) -> int:
        if (node_id, work) not in self.bench.work:
            self.bench.work.append((node_id, work))
        return 1

    async def reports_pending(self, consumer: str) -> bool:
        return self.bench.pending

    async def ensure_node(self, node_id: str) -> None:
        self.bench.nodes.append(node_id)
