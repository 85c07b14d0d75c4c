"""A batch and its members over the log in memory, with the real steward; what the read models would say is read off the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from types import SimpleNamespace
from typing import Any

from domain.batch import events as b
from domain.batch.decider import Batch
from domain.batch.members import Member, digest, encode, member_id
from domain.errors import Unavailable
from domain.execution.events import AttemptResult, Reason
from domain.execution.job import Job
from domain.execution.state import Execution
from domain.files import FileRef
from domain.node.events import NodeJoined
from projections.history_queries import Ran
from projections.service_queries import Seen
from services.runtime.log import Recorded, Ref
from services.runtime.plain import to_plain
from services.steward import SERVICE
from services.steward.orders import Steward
from tests.services.shell import NOW, Bench

BATCH = Ref("a", "batch", "batch_1")
JOB = Job("python", FileRef("s.py", "a" * 64, 10), ("--fast",))
DONE = AttemptResult("succeeded", Reason("OK", "ok"), exit_code=0)


def listed(count: int) -> list[Member]:
    return [Member(f"d/{n}", (f"{n}.csv",), (FileRef(f"{n}.csv", f"{n:064x}", 3),)) for n in range(count)]


class Rows:
    """The read models as of now; `away`: Postgres is."""

    def __init__(self) -> None:
        self.bench: Bench
        self.away = False
        self.count = 0
        self.memos: dict[str, tuple[str, Any]] = {}
        self.last: str | None = None

    async def seen(self, account: str, path: str, sha256: str, hashes: set[str], before: int) -> Seen:
        return Seen(False, True, frozenset({f"{0:064x}"} & hashes))

    async def history_seconds(self, account: str, script_sha256: str) -> float | None:
        return 2.0

    async def memo(self, account: str, keys: Collection[str]) -> dict[str, Ran]:
        return {key: Ran(id, to_plain(result), "n1", "i1") for key, (id, result) in self.memos.items() if key in keys}

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        return {}

    async def last_of_script(self, account: str, path: str, before: int) -> str | None:
        return self.last

    async def wait_for(self, position: int, timeout_seconds: float) -> int:
        if self.away:
            raise Unavailable("Postgres is away.")
        return position

    async def batch_member_ids(self, account: str, batch: str, statuses: Collection[str] | None = None) -> list[str]:
        found = []
        for index in range(self.count):
            id = member_id(account, batch, index)
            state, position = await self.bench.context().load(Ref(account, "execution", id))
            fits = state.open if statuses is None else state.status in statuses
            if position and fits:
                found.append(id)
        return found

    async def open_batches(self) -> list[Any]:
        return [SimpleNamespace(account=BATCH.account, id=BATCH.id)]


class Blobs:
    """A store of one blob."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        yield self.content


class City(Bench):
    """Everything of one batch of `count` members."""

    def __init__(self, count: int = 3, **batch: Any) -> None:
        content = encode(listed(count))
        super().__init__(SERVICE, Rows(), Blobs(content))
        self.queries.bench, self.queries.count = self, count
        self.steward = Steward()
        self.submitted = b.BatchSubmitted(b.MemberList(digest(content), len(content), count), JOB, "f", "n", **batch)

    def member(self, index: int) -> Ref:
        return Ref("a", "execution", member_id("a", BATCH.id, index))

    async def decided(self, *events: Any) -> Recorded:
        """It stands in the log that these were decided about the batch; the last commit."""
        return await self.given(BATCH, *events)

    async def expanded(self) -> City:
        await self.happened(await self.decided(self.submitted))
        return self

    async def members(self) -> list[Execution]:
        return [(await self.context().load(self.member(index)))[0] for index in range(self.queries.count)]

    async def statuses(self) -> Sequence[str]:
        return [each.status for each in await self.members()]

    async def batch(self) -> Batch:
        state: Batch = (await self.context().load(BATCH))[0]
        return state


def now() -> int:
    return NOW
