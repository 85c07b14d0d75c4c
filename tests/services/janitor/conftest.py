"""A janitor beside a real gateway: the log in NATS, the read models in Postgres, the blobs in a folder."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from domain.account.commands import SetRetention
from domain.execution import commands as c
from domain.execution.events import AttemptResult, LogSummary, Lookup, Reason
from domain.execution.job import Job
from domain.files import FileRef, FileSet, file_set
from domain.retention import DAY_US
from projections.service_queries import ServiceQueries
from services import janitor
from services.janitor.clearing import Cleared, clear
from services.janitor.expiring import expire
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Ref
from services.runtime.service import Context, Shell
from tests.gateway.conftest import ACCOUNT, NODE, SHA, GatewayUnderTest
from tests.gateway.conftest import gateway as gateway

END_US = 1_700_000_000_000_000
"""When executions end here."""
HIT = Lookup("hit", "known")


def ref(execution: str) -> Ref:
    return Ref(ACCOUNT, "execution", execution)


@dataclass
class House:
    """`days` later than the end of all executions it is; blobs age by `age`."""

    gateway: GatewayUnderTest
    queries: ServiceQueries
    days: float = 0.0
    blobs: list[str] = field(default_factory=list)

    def context(self) -> Context:
        shell = Shell(
            self.gateway.bus,
            Handler(JetStreamLog(self.gateway.bus)),
            self.queries,
            self.gateway.settings,
            self.gateway.parts.store,
            now_us=lambda: END_US + int(self.days * DAY_US),
        )
        return Context(janitor.SERVICE, shell)

    async def blob(self, content: str) -> str:
        """SHA-256 of a stored blob."""
        sha256 = await self.gateway.store(content.encode())
        self.blobs.append(sha256)
        return sha256

    async def file(self, name: str) -> FileRef:
        content = f"content of {name}"
        return FileRef(name, await self.blob(content), len(content))

    async def listed(self, *files: FileRef) -> FileSet:
        """The set of `files`, in a manifest."""
        entries = [{"path": f.path, "sha256": f.sha256, "size_bytes": f.size_bytes, "mode": f.mode} for f in files]
        return file_set(files, await self.blob(orjson.dumps(entries).decode()))

    async def submit(self, execution: str, job: Job, **more: Any) -> None:
        await self.command(execution, c.SubmitExecution(job, "f", **more))
        await self.command(execution, c.ResolveExecution(HIT, HIT, HIT))

    async def finish(self, execution: str, *outputs: FileRef, attempt: int = 1, **more: Any) -> None:
        await self.command(execution, c.AssignExecution(attempt, NODE, "i1", "local", END_US))
        await self.command(execution, c.StartExecution(attempt, NODE, END_US, "process"))
        found = more.pop("outputs", None) or file_set(outputs)
        log = LogSummary(archive=more.pop("archive", None), chunks=more.pop("chunks", 0))
        status = more.pop("status", "succeeded")
        result = AttemptResult(status, Reason("OK", "ok"), 0, ended_at_us=END_US, outputs=found, log=log)
        await self.command(execution, c.FinishExecution(attempt, NODE, result, END_US))

    async def run(self, execution: str, job: Job, *outputs: FileRef, **more: Any) -> None:
        """From the submit to the end, at END_US."""
        project = {"project": more.pop("project")} if "project" in more else {}
        await self.submit(execution, job, **project)
        await self.finish(execution, *outputs, **more)

    async def command(self, execution: str, command: Any) -> None:
        await self.gateway.projected(await self.gateway.command(ref(execution), command))

    async def keep(self, project: str, days: int) -> None:
        account = Ref(ACCOUNT, "account", ACCOUNT)
        await self.gateway.projected(await self.gateway.command(account, SetRetention(project, days)))

    def age(self) -> None:
        """All blobs were last asked for long ago."""
        then = time.time() - 90 * 86_400
        for path in self.gateway.parts.store.folder.rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))

    def left(self) -> set[str]:
        """The blobs made here that are there, looked at without asking the store."""
        names = {path.name.removesuffix(".zst") for path in self.gateway.parts.store.folder.rglob("*")}
        return {sha256 for sha256 in self.blobs if sha256 in names}

    async def expire(self) -> int:
        return await expire(self.context())

    async def clear(self) -> Cleared:
        return await clear(self.context())


@pytest.fixture
async def house(gateway: GatewayUnderTest) -> AsyncIterator[House]:
    await gateway.parts.store.delete(ACCOUNT, SHA)  # nobody names it here
    queries = ServiceQueries(gateway.database)
    yield House(gateway, queries)
    await queries.close()
