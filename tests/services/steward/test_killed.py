"""F1: the services are killed in the middle of what a steward does; it is carried through after they are back, nothing twice.

Real NATS, real Postgres, real processes; without a scheduler, so that members wait until somebody tells them otherwise.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from domain.batch import events as b
from domain.batch.commands import CancelBatch, FinishBatch, RetryBatch, SubmitBatch
from domain.batch.members import encode, member_id
from domain.cost.events import CostFinalized
from domain.execution import events as e
from services.runtime.bus import Bus
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Recorded, Ref
from tests.fixtures.nats import NatsServer
from tests.services.steward.city import JOB, listed

COUNT = 2500
BATCH = Ref("acct", "batch", "batch_killed")
SECONDS_MAX = 90.0


class Services:
    """A process of those services that a batch needs until its members run."""

    def __init__(self, env: dict[str, str], output: Path) -> None:
        self.env, self.output = env, output
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "services", "steward", "projector", "meter", "resolver"]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command, env=self.env, stdout=output, stderr=output)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def services(nats_server: NatsServer, postgres_dsn: str, tmp_path: Path) -> Iterator[Services]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_")}
    env = {
        "RGRID_HOME": str(tmp_path),
        "RGRID_NATS_URL": nats_server.url,
        "RGRID_NATS_USER": nats_server.user,
        "RGRID_NATS_PASSWORD": nats_server.password,
        "RGRID_POSTGRES_DSN": postgres_dsn,
        "RGRID_URL_KEY": "00" * 32,
        "RGRID_GATEWAY_PORT": "1",
    }
    services = Services({**clean, **env}, tmp_path / "services.log")
    yield services
    services.kill()


class Person:
    """Decides about the batch, and reads what became of it off the log."""

    def __init__(self, bus: Bus, services: Services, folder: Path) -> None:
        self.log = JetStreamLog(bus)
        self.handler = Handler(self.log)
        self.services, self.folder = services, folder
        self.refs = [Ref(BATCH.account, "execution", member_id(BATCH.account, BATCH.id, n)) for n in range(COUNT)]

    async def decides(self, command: object) -> None:
        handled = await self.handler.handle(BATCH, command, command_id=f"p.{time.time_ns()}", actor="key:k")
        assert handled.events

    async def submits(self) -> None:
        content = encode(listed(COUNT))
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.folder / "artifacts" / BATCH.account / sha256[:2] / sha256
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        await self.decides(SubmitBatch(b.MemberList(sha256, len(content), COUNT), JOB, "f"))

    async def kills_midway(self, commits: int, times: int = 2) -> None:
        """The services work, and are killed after about so many commits, several times over; then they are left in peace."""
        for _ in range(times):
            grown = await self.log.last_position() + commits
            self.services.start()
            await self.until(partial(self._reached, grown))
            self.services.kill()
        self.services.start()

    async def _reached(self, position: int) -> bool:
        return await self.log.last_position() >= position

    async def until(self, done: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while not await done():
            assert time.monotonic() < deadline, self.services.output.read_text()[-3000:]
            await asyncio.sleep(0.005)

    async def carried_out(self, count: int) -> None:
        """So many rounds have begun."""

        async def done() -> bool:
            events = [each for made in (await self.log.load(BATCH)).commits for each in made.commit.events]
            return sum(isinstance(each, b.BatchExpanded) for each in events) == count

        await self.until(done)

    async def all_are(self, status: str) -> None:
        async def done() -> bool:
            return set((await self.statuses()).elements()) == {status}

        await self.until(done)

    async def billed(self) -> bool:
        """Everyone is, and nobody was twice."""
        bills = Counter(
            made.commit.ref.id
            for made in await self.commits()
            for event in made.commit.events
            if isinstance(event, CostFinalized)
        )
        assert set(bills.values()) <= {1}
        return len(bills) == COUNT

    async def statuses(self) -> Counter[str]:
        loaded = await self.handler.load_all(self.refs)
        return Counter(each.state.status for each in loaded if hasattr(each, "state"))

    async def commits(self) -> list[Recorded]:
        return [recorded async for page in self.log.read() for recorded in page]

    async def count(self, kind: type) -> dict[Ref, int]:
        """How often that happened, by member."""
        found = Counter(
            made.commit.ref for made in await self.commits() for event in made.commit.events if isinstance(event, kind)
        )
        return {ref: found[ref] for ref in self.refs}


@pytest.fixture
async def person(bus: Bus, services: Services, tmp_path: Path) -> Person:
    return Person(bus, services, tmp_path)


async def test_killed_while_it_writes_the_members(person: Person) -> None:
    await person.submits()
    await person.kills_midway(1200)
    await person.carried_out(1)
    for kind in (e.ExecutionSubmitted, e.ExecutionCached):
        assert set((await person.count(kind)).values()) == {1}
    order = [made.commit.ref for made in await person.commits() if made.commit.ref in set(person.refs)]
    assert order == person.refs
    costs = [made.commit.ref.id for made in await person.commits() if made.commit.ref.aggregate == "cost"]
    assert sorted(costs) == sorted(ref.id for ref in person.refs)


async def test_killed_while_it_cancels_and_while_it_retries(person: Person) -> None:
    await person.submits()
    person.services.start()
    await person.carried_out(1)
    person.services.kill()

    await person.decides(CancelBatch("key:k"))
    await person.kills_midway(600)
    await person.all_are("cancelled")
    await person.until(person.billed)
    person.services.kill()
    assert set((await person.count(e.ExecutionFinished)).values()) == {1}

    await person.decides(FinishBatch({"cancelled": COUNT}, 0))
    await person.decides(RetryBatch(("cancelled",), "key:k", 0))
    await person.kills_midway(600)
    await person.carried_out(2)
    assert await person.statuses() == {"queued": COUNT}
    assert set((await person.count(e.ExecutionRetried)).values()) == {1}


async def test_a_retry_that_follows_a_cancel_is_carried_out_behind_it_whoever_dies(person: Person) -> None:
    await person.submits()
    person.services.start()
    await person.carried_out(1)
    person.services.kill()
    await person.decides(CancelBatch("key:k"))
    await person.decides(RetryBatch(("cancelled",), "key:k", 0))
    await person.kills_midway(1400, times=3)
    await person.carried_out(2)
    assert await person.statuses() == {"queued": COUNT}
    for kind in (e.ExecutionFinished, e.ExecutionRetried):
        assert set((await person.count(kind)).values()) == {1}
