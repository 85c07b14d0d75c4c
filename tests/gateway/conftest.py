"""A real gateway (uvicorn) over a real NATS and a real Postgres, with a projector beside it; the test plays the runner."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import uvicorn
import websockets

from domain.account.commands import IssueKey, OpenAccount, RevokeKey
from domain.execution import commands as c
from domain.execution.events import AttemptResult, LogSummary, Lookup, Reason, Usage
from gateway.__main__ import composed, server_config
from gateway.app import create_app
from gateway.parts import Parts
from projections.database import Database
from services.projector import project
from services.runtime import keys, subjects
from services.runtime.bus import Bus
from services.runtime.handle import Handled
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Ref
from services.runtime.settings import Settings
from tests.fixtures.nats import NatsServer

ACCOUNT = "local"
NODE = "local-1"
NOW = 1_700_000_000_000_000
SCRIPT = b"print('hello')\n"
SHA = hashlib.sha256(SCRIPT).hexdigest()


def chunk_payload(number: int, content: bytes, *, attempt: int = 1, stream: str = "stdout", line: int = 0) -> bytes:
    """What a runner publishes."""
    head = {
        "attempt": attempt,
        "chunk": number,
        "stream": stream,
        "line": line or number,
        "lines": content.count(b"\n"),
        "at_us": NOW + number,
    }
    return orjson.dumps(head) + b"\n" + content


def submit_body(**more: Any) -> dict[str, Any]:
    return {"script": {"path": "hello.py", "sha256": SHA, "size_bytes": len(SCRIPT)}, "runtime": "python", **more}


class Server(uvicorn.Server):
    """Ends when `over` is set, at once, and leaves signals to whoever runs the tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over = asyncio.Event()
        self.capture_signals = suppress  # type: ignore[method-assign,assignment]

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.over.wait()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """At once when all have left; the usual way waits a tenth of a second first."""
        for server in self.servers:
            server.close()
        for _ in range(20):
            if self.server_state.connections:
                await asyncio.sleep(0.001)
        if self.server_state.connections:
            await super().shutdown(sockets)
        else:
            await self.lifespan.shutdown()


class GatewayUnderTest:
    """The gateway and, over the same log, hands to move an execution on."""

    def __init__(self, bus: Bus, node: Bus, dsn: str, folder: Path) -> None:
        self.bus, self.node, self._folder = bus, node, folder
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.settings = Settings(
            home=folder,
            gateway_port=self.port,
            postgres_dsn=dsn,
            url_key="ab" * 32,
            secrets_key="cd" * 32,
            artifacts=folder / "artifacts",
        )
        self.database = Database(dsn)
        self.parts: Parts = composed(self.settings, bus, self.database)
        self.handler = self.parts.handler
        self.key = self.key_id = ""
        self.http = aiohttp.ClientSession()
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def begin(self) -> None:
        self._projecting = asyncio.create_task(project(JetStreamLog(self.bus), self.database, self._poison))
        self.key, self.key_id = await self.new_key(ACCOUNT)
        await self.start()
        await self.store(SCRIPT)

    async def start(self) -> None:
        self._server = Server(server_config(create_app(self.parts), self.settings))
        task = asyncio.create_task(self._server.serve())
        self._tasks.append(task)
        while not self._server.started:
            assert not task.done(), task
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.over.set()
        await self._tasks.pop()

    async def end(self) -> None:
        await self.http.close()
        if self._server is not None:
            self._server.over.set()
        self._projecting.cancel()
        await asyncio.gather(self._projecting, *self._tasks, return_exceptions=True)
        await self.parts.queries.close()
        await self.database.close()
        self.parts.store.close()

    async def new_key(self, account: str) -> tuple[str, str]:
        """(plaintext, id) of a key that the gateway already knows."""
        key_id, plaintext, sha = keys.make_key(secrets.token_bytes(keys.RANDOM_BYTES))
        ref = Ref(account, "account", account)
        await self.command(ref, OpenAccount(account))
        await self.projected(await self.command(ref, IssueKey(key_id, sha, "test")))
        return plaintext, key_id

    async def revoke(self, key_id: str, account: str = ACCOUNT) -> None:
        await self.projected(await self.command(Ref(account, "account", account), RevokeKey(key_id)))

    async def store(self, content: bytes, account: str = ACCOUNT) -> str:
        """Upload a blob through the door, as anybody would."""
        sha = hashlib.sha256(content).hexdigest()
        url = self.parts.store.upload_url(account, sha, len(content), "test")
        async with self.http.put(url, data=content) as answer:
            assert answer.status in (200, 201, 204), await answer.text()
        return sha

    async def command(self, ref: Ref, command: Any) -> Handled:
        return await self.handler.handle(ref, command, command_id=secrets.token_hex(8), actor="test")

    async def projected(self, handled: Handled) -> None:
        if self._projecting.done():
            self._projecting.result()
        await self.parts.queries.wait_for(handled.position, 10)

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> tuple[int, Any]:
        """(status, JSON)"""
        headers = {"Authorization": f"Bearer {key or self.key}", **more.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.url}/api/v1{path}"
        async with self.http.request(method, url, headers=headers, **more) as answer:
            body = await answer.read()
            return answer.status, orjson.loads(body) if body else None

    async def submit(self, **more: Any) -> str:
        status, body = await self.call("POST", "/executions", json=submit_body(**more))
        assert status == 201, body
        return str(body["id"])

    async def connected(self) -> None:
        """NATS is back."""
        back = asyncio.Event()
        forget = self.bus.on_reconnect(back.set)
        if not self.bus.connected:
            await back.wait()
        forget()

    def stream(self, execution: str, query: str = "", key: str | None = None, **more: Any) -> Any:
        """A WebSocket client on the log stream."""
        address = f"ws://127.0.0.1:{self.port}/api/v1/executions/{execution}/logs/stream{query}"
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return websockets.connect(address, additional_headers=headers, compression=None, max_size=2**24, **more)

    async def assign(self, execution: str, attempt: int = 1, node: str = NODE) -> None:
        ref = Ref(ACCOUNT, "execution", execution)
        hit = Lookup("miss", "new")
        await self.command(ref, c.ResolveExecution(hit, hit, hit))
        await self.command(ref, c.AssignExecution(attempt, node, "inc-1", "local", NOW * 2))
        await self.command(ref, c.StartExecution(attempt, node, NOW, "process"))

    async def finish(
        self, execution: str, chunks: int, *, attempt: int = 1, node: str = NODE, status: str = "succeeded", **log: Any
    ) -> Handled:
        result = AttemptResult(
            status,
            Reason("OK", "The script ended."),
            0,
            started_at_us=NOW,
            ended_at_us=NOW + 1000,
            usage=Usage(1, 2, 3),
            log=replace(LogSummary(chunks=chunks, lines=chunks), **log),
        )
        return await self.command(Ref(ACCOUNT, "execution", execution), c.FinishExecution(attempt, node, result, NOW))

    async def print(self, execution: str, payload: bytes, node: str = NODE) -> int:
        """Publish a chunk as the runner of this node."""
        return await self.bus.publish(subjects.log(node, ACCOUNT, execution), payload)

    async def print_many(self, execution: str, first: int, last: int, *, attempt: int = 1, node: str = NODE) -> None:
        for number in range(first, last + 1):
            await self.print(execution, chunk_payload(number, b"line %d\n" % number, attempt=attempt), node)

    async def _poison(self, poison: Any) -> None:
        raise AssertionError(poison)


@pytest.fixture
async def gateway(
    bus: Bus, nats_server: NatsServer, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[GatewayUnderTest]:
    """Up, with one account and a key."""
    node = await nats_server.connect_node(NODE)
    under_test = GatewayUnderTest(bus, node, postgres_dsn, tmp_path)
    try:
        await under_test.begin()
        yield under_test
    finally:
        await under_test.end()
        await node.close()


async def collect(socket: Any) -> tuple[list[dict[str, Any]], list[tuple[int, int, bytes]]]:
    """Everything up to the end or the close: (words, chunks as (attempt, number, content))."""
    words: list[dict[str, Any]] = []
    chunks: list[tuple[int, int, bytes]] = []
    with suppress(websockets.ConnectionClosed):
        async for frame in socket:
            take(frame, words, chunks)
    return words, chunks


def take(frame: bytes | str, words: list[dict[str, Any]], chunks: list[tuple[int, int, bytes]]) -> None:
    if isinstance(frame, str):
        words.append(orjson.loads(frame))
        return
    at = frame.index(b"\n")
    head = orjson.loads(frame[:at])
    chunks.append((head["attempt"], head["chunk"], frame[at + 1 :]))
