"""A small grid around a real runner: a real NATS server, a real blob door, and the control plane's side of the talk."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from domain.errors import Unavailable
from domain.execution.events import AttemptResult
from domain.execution.job import Job, Limits
from domain.files import FileRef, FileSet, file_set
from domain.ids import id_of
from domain.node.offer import Offer
from services.artifacts.local import LocalStore
from services.artifacts.offers import offer, pick
from services.runner import manifest
from services.runner.agent import Agent
from services.runner.blobs import BlobCache
from services.runner.download import Downloads
from services.runner.environments.environments import environments_of
from services.runner.interpreters import interpreters
from services.runner.journal import Journal
from services.runner.node import Capacity, Node
from services.runner.reports import Reports
from services.runner.sandbox.box import Sandbox
from services.runner.sandbox.cgroup import Groups
from services.runner.upload import Uploads
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.messages import BlobRef, CancelWork, JoinedFact, RunWork, UrlsGiven, UrlsWanted
from services.runtime.plain import from_json, from_plain, to_json
from services.runtime.pull import Puller
from services.runtime.streams import apply_consumer

ACCOUNT, NODE = "local", "local-1"


@dataclass
class Grid:
    """`reports` are all facts in order, (verb, fact as plain data); `chunks` the log by execution."""

    bus: Bus
    node_bus: Bus
    store: LocalStore
    client: Any
    folder: Path
    sandbox: Sandbox
    groups: Groups | None
    http: aiohttp.ClientSession
    incarnation: str = ""
    capacity: Capacity = field(default_factory=lambda: Capacity(4000, 8 * 1024**3))
    log_bytes_max: int = 10**9
    kill_grace_seconds: float = 0.5
    environment_bytes_max: int = 10 * 1024**3
    pythons: tuple[str, ...] = ()
    archives: dict[str, str] = field(default_factory=dict)
    """The hash of the packed environment that the porter knows, by its id."""
    open_uploads: asyncio.Event = field(default_factory=asyncio.Event)
    asked_uploads: list[str] = field(default_factory=list)
    stale: set[tuple[str, int]] = field(default_factory=set)
    reports: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    chunks: dict[str, list[tuple[dict[str, Any], bytes]]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    agent: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """The control plane's side: consumers, the porter, who listens to reports and logs."""
        self.open_uploads.set()
        consumer = {"durable_name": subjects.runner_consumer(NODE), "filter_subject": subjects.work_filter(NODE)}
        await apply_consumer(self.bus, "WORK", {**consumer, "ack_policy": "explicit", "ack_wait": 30 * 10**9})
        await apply_consumer(self.bus, "REPORTS", {"durable_name": "test", "ack_policy": "explicit"})
        await self.bus.subscribe(subjects.ASK_URLS, self._urls)
        await self.bus.subscribe("rgrid.live.>", self._chunk)

        async def name() -> str:
            return "test"

        puller = Puller(self.bus, "REPORTS", name, self._report, lambda: 100)
        self.tasks.append(asyncio.create_task(puller.run()))

    def begin(self) -> None:
        """Start a life of the runner."""
        cache = BlobCache(self.folder / "blobs")
        self.stop = asyncio.Event()
        self.incarnation = id_of("life", secrets.randbits(60))
        reports, downloads, uploads = Reports(self.node_bus, NODE), Downloads(self.http, cache), Uploads(self.http)
        self.node = Node(
            NODE,
            self.folder,
            self.node_bus,
            reports,
            self.sandbox,
            cache,
            downloads,
            uploads,
            environments_of(
                *(self.folder / "environments", self.environment_bytes_max, self.sandbox, interpreters(self.pythons)),
                *(self.http, cache, downloads, uploads, reports),
            ),
            self.log_bytes_max,
            self.kill_grace_seconds,
        )
        kind = self.sandbox.kind
        offer = Offer("local", self.capacity.cpu_millis, self.capacity.memory_bytes, kind)
        joined = JoinedFact(self.incarnation, offer)
        self.journal = Journal(self.folder / "journal")
        agent = Agent(self.node, self.journal, joined, 0.2, self.groups)
        self.agent = asyncio.create_task(agent.run(self.stop))
        self.agent.add_done_callback(lambda _: self.changed.set())

    async def end(self) -> None:
        """Stop the runner cleanly."""
        self.stop.set()
        if self.agent is not None:
            await asyncio.wait_for(self.agent, 30)

    async def close(self) -> None:
        await self.end()
        for task in self.tasks:
            task.cancel()

    async def put(self, path: str, data: bytes) -> FileRef:
        """A file in the artifact store."""
        sha256 = hashlib.sha256(data).hexdigest()
        if await self.store.missing(ACCOUNT, [BlobRef(sha256, len(data))]):
            url = self.store.upload_url(ACCOUNT, sha256, len(data), "test")
            async with self.http.put(url, data=data) as answer:
                assert answer.status == 201
        return FileRef(path, sha256, len(data))

    async def get(self, sha256: str) -> bytes:
        return b"".join([piece async for piece in self.store.open(ACCOUNT, sha256)])

    async def job(self, code: str, *, inputs: dict[str, bytes] | None = None, **options: Any) -> Job:
        """A job of a Python script (or another one by `runtime`, `path`)."""
        runtime, path = options.pop("runtime", "python"), options.pop("path", "main.py")
        options.setdefault("limits", Limits(1000, 256 * 1024**2, options.pop("timeout", 60)))
        entries = tuple([await self.put(name, data) for name, data in (inputs or {}).items()])
        files: FileSet = file_set(entries)
        if len(entries) > 256:
            listing = await self.put("list", manifest.encode(entries))
            files = file_set(entries, listing.sha256)
        return Job(runtime, await self.put(path, code.encode()), inputs=files, **options)

    async def send(self, job: Job, attempt: int = 1, execution: str = "") -> str:
        """Assign it to the runner; its id."""
        execution = execution or id_of("exec", secrets.randbits(60))
        work = RunWork(ACCOUNT, execution, attempt, job)
        await self._publish(execution, work)
        return execution

    async def cancel(self, execution: str, cause: str = "cancelled") -> None:
        await self._publish(execution, CancelWork(ACCOUNT, execution, 1, cause))

    async def _publish(self, execution: str, work: RunWork | CancelWork) -> None:
        """A connection whose loop stood still for minutes, while other tests had their turn, comes back first."""
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.bus.publish(subjects.work(NODE, execution), to_json(work))
                    return
                except Unavailable:
                    await asyncio.sleep(0.1)

    async def run(self, code: str, **options: Any) -> tuple[str, AttemptResult]:
        """Run it to its end."""
        execution = await self.send(await self.job(code, **options))
        return execution, await self.finished(execution)

    async def finished(self, execution: str) -> AttemptResult:
        fact = await self.until(lambda: next(iter(self.facts("finished", execution)), None))
        return from_plain(AttemptResult, fact["result"])

    def facts(self, verb: str, execution: str) -> list[dict[str, Any]]:
        return [fact for said, fact in self.reports if said == verb and fact.get("execution") == execution]

    async def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """The first true value of `condition`, looked at whenever something came in."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                if self.agent is not None and self.agent.done() and not self.stop.is_set():
                    self.agent.result()
                self.changed.clear()
                await self.changed.wait()
        return found

    def log(self, execution: str, stream: str) -> bytes:
        return b"".join(raw for head, raw in self.chunks.get(execution, []) if head["stream"] == stream)

    async def _urls(self, message: Any) -> None:
        wanted = from_json(UrlsWanted, message.data)
        given = await self._given(wanted)
        await self.bus.send(message.reply, to_json(given))

    async def _given(self, wanted: UrlsWanted) -> UrlsGiven:
        if (wanted.execution, wanted.attempt) in self.stale:
            return UrlsGiven(error="STALE_LEASE", message="not yours")
        scope = f"{wanted.execution}.{wanted.attempt}"
        if wanted.environment:
            known = self.archives.get(wanted.environment)
            return UrlsGiven({known: self.store.download_url(ACCOUNT, known, scope)} if known else {})
        if wanted.direction == "download":
            url, small = pick(self.store, ACCOUNT, wanted.blobs, scope) if wanted.bundles else ("", ())
            alone = {blob.sha256 for blob in wanted.blobs}.difference(small)
            return UrlsGiven({sha: self.store.download_url(ACCOUNT, sha, scope) for sha in alone}, url, small)
        self.asked_uploads.append(wanted.execution)
        self.changed.set()
        if not self.open_uploads.is_set():
            return UrlsGiven(error="UNAVAILABLE", message="held by the test")
        found = await offer(self.store, ACCOUNT, wanted.blobs, scope, bundles=wanted.bundles, parts=wanted.parts)
        return UrlsGiven(found.urls, found.bundle, found.bundled, found.parts)

    async def _chunk(self, message: Any) -> None:
        head, _, raw = message.data.partition(b"\n")
        known = self.chunks.setdefault(message.subject.split(".")[3], [])
        if orjson.loads(head)["chunk"] == len(known) + 1:
            known.append((orjson.loads(head), raw))
        self.changed.set()

    def _report(self, pulled: Any) -> None:
        self.reports.append((pulled.subject.rpartition(".")[2], orjson.loads(pulled.data)))
        self.tasks.append(asyncio.create_task(self._ack(pulled.reply)))
        self.changed.set()

    async def _ack(self, reply: str) -> None:
        await self.bus.send(reply, b"+ACK")


Make = Callable[..., Awaitable[Grid]]
