"""One batch among a person, a scheduler, nodes and a steward that dies, is told twice and is overtaken at every append.

Everything that happens follows from the seed. `python -m tests.services.steward.simulation SEED` tells a history again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from random import Random
from typing import Any
from unittest.mock import patch

from domain.batch import commands as bc
from domain.catalog import AGGREGATES
from domain.errors import Refused, Unavailable
from domain.execution import commands as c
from domain.execution.events import AttemptResult, Reason
from domain.execution.state import Execution
from domain.node.events import NodeJoined
from domain.node.offer import Offer
from services.runtime.handle import Handler
from services.runtime.log import Commit, Recorded, Ref
from services.runtime.memory import MemoryLog
from services.runtime.orders import Folded, fold
from services.runtime.service import EventItem
from services.scheduler.board import Board
from services.scheduler.loading import Loading
from services.scheduler.placing import assignment, choose
from services.steward import SERVICE, again, expand, halt
from services.steward.orders import STALLED_SECONDS
from tests.services.shell import NOW
from tests.services.steward.city import BATCH, JOB, City, Rows

MEMBERS = 4
CHAOS_STEPS = 90
QUIET_STEPS = 400
DECISIONS = 5
"""Of a person, about the batch."""
SECOND = 1_000_000
STATUSES = ("failed", "timed_out", "lost", "cancelled", "succeeded")


class ChaosLog(MemoryLog):
    """Before and after an append of the steward anything may happen, its death included."""

    world: World

    async def append_all(self, commits: Sequence[tuple[Commit, int]]) -> list[int]:
        ours = commits[0][0].actor == f"service:{SERVICE.name}"
        if ours:
            await self.world.meanwhile()
        positions = await super().append_all(commits)
        if ours:
            await self.world.meanwhile()
        return positions


class Now(Rows):
    """The read models as of now; sometimes Postgres is away."""

    world: World

    async def wait_for(self, position: int, timeout_seconds: float) -> int:
        if self.world.random.random() < 0.2:
            raise Unavailable("Postgres is away.")
        return position

    async def batch_member_ids(self, account: str, batch: str, statuses: Collection[str] | None = None) -> list[str]:
        members = [(ref, await self.world.state(ref)) for ref in self.world.refs]
        return [
            ref.id
            for ref, state in members
            if (state.open if statuses is None else state.phase == "finished" and state.status in statuses)
        ]

    async def ended_members(self, account: str, batch: str) -> list[tuple[str, str, int]]:
        histories = [(ref, await self.world.state(ref), await self.world.log.load(ref)) for ref in self.world.refs]
        return [(ref.id, state.status, each.position) for ref, state, each in histories if state.phase == "finished"]


class World(City):
    """Everybody, and what stands in the log."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        random = self.random
        super().__init__(MEMBERS, parallel=random.choice((0, 2)), failures_max=random.choice((0, 0, 1, 2)))
        self.log = ChaosLog()
        self.log.world = self
        self.queries = self.shell.queries = Now()
        self.queries.world, self.queries.bench, self.queries.count = self, self, MEMBERS
        self.shell.handler = Handler(self.log)
        self.refs = [self.member(index) for index in range(MEMBERS)]
        self.inbox: defaultdict[Ref, deque[Recorded]] = defaultdict(deque)
        self.busy: set[Ref] = set()
        self.read, self.depth, self.chaos, self.decisions = 0, 0, True, random.randrange(1, DECISIONS + 1)
        self.job = JOB
        self.board = Board(lambda: self.now_us, lambda: self.now_us / SECOND)
        self.board.nodes["n1"] = NodeJoined("i1", Offer("local", 64_000, 64 * 1024**3, "bubblewrap", ("python",)))
        self.loading = Loading(self.context(), self.board)

    async def run(self) -> World:
        """Chaos for a while, then everybody does their duty until nothing is left to do."""
        with patch.multiple(expand, PAGE=2), patch.multiple(halt, PAGE=2), patch.multiple(again, PAGE=1):
            return await self._run()

    async def _run(self) -> World:
        await self.decided(self.submitted)
        for _ in range(CHAOS_STEPS):
            await self.step()
        self.chaos = False
        for _ in range(QUIET_STEPS):
            await self.step()
            if await self.settled():
                break
        return self

    async def settled(self) -> bool:
        await self.hear()
        members = [await self.state(ref) for ref in self.refs]
        over = (await self.state(BATCH)).phase == "finished" and all(each.phase == "finished" for each in members)
        return over and not any(self.inbox.values())

    async def step(self) -> None:
        """Somebody does something."""
        often = [self.deliver, self.deliver, self.schedule, self.schedule, self.toil, self.toil, self.watch]
        seldom = [self.decide, self.decide, self.meddle, self.redrive] if self.chaos else []
        await self.random.choice(often + seldom)()

    async def meanwhile(self) -> None:
        """What happens between two steps of the steward. Raises Unavailable: it dies."""
        if not self.chaos or self.depth >= 2:
            return
        self.depth += 1
        try:
            for _ in range(self.random.choice((0, 0, 1, 3))):
                await self.step()
        finally:
            self.depth -= 1
        if self.random.random() < 0.15:
            raise Unavailable("It was killed.")

    async def state(self, ref: Ref) -> Any:
        aggregate = AGGREGATES[ref.aggregate]
        return fold(aggregate, Folded(aggregate.initial, 0), (await self.log.load(ref)).commits).state

    async def send(self, ref: Ref, command: Any) -> None:
        """Somebody other than the steward, with a handler of their own."""
        handler = Handler(self.log)
        try:
            id = f"other.{self.random.random()}"
            await handler.handle(ref, command, command_id=id, actor="other", now_us=self.now_us)
        except Refused:
            pass

    async def hear(self) -> None:
        """What was appended since goes to the steward, if it consumes it."""
        async for page in self.log.read(self.read):
            for recorded in page:
                self.read = recorded.position
                if type(recorded.commit.events[-1]) in SERVICE.consumes:
                    self.inbox[recorded.commit.ref].append(recorded)

    async def deliver(self) -> None:
        """The steward reacts to the oldest of an aggregate; if it dies on the way, it comes again."""
        await self.hear()
        ready = [ref for ref, waiting in self.inbox.items() if waiting and ref not in self.busy]
        if not ready:
            return
        ref = self.random.choice(ready)
        self.busy.add(ref)
        try:
            await self.react(self.inbox[ref][0])
            if not self.chaos or self.random.random() < 0.9:
                self.inbox[ref].popleft()
        except Unavailable:
            self.shell.handler = Handler(self.log)
        finally:
            self.busy.discard(ref)

    async def react(self, recorded: Recorded) -> None:
        self.shell.handler.observe(recorded)
        for index, event in enumerate(recorded.commit.events):
            if type(event) in SERVICE.consumes:
                item = EventItem(event, recorded, f"{recorded.position}.{index}")
                await self.steward.react(self.context(item), item)

    async def redrive(self) -> None:
        """The clock goes round."""
        self.now_us += int(2 * STALLED_SECONDS * SECOND)
        if BATCH in self.busy:
            return
        self.busy.add(BATCH)
        await self.steward.redrive_batch(self.context(), BATCH)
        self.busy.discard(BATCH)

    async def schedule(self) -> None:
        """The scheduler places one of those whom its board has it place; now and then its board is behind the log."""
        if not self.chaos or self.random.random() < 0.8:
            await self.follow()
        self.now_us += SECOND
        self.board.lines.wake()
        chosen = choose(self.board)
        if chosen:
            entry, room = self.random.choice(chosen)
            await self.send(entry.ref, assignment(entry, room, max(self.now_us, entry.state.not_before_us)))

    async def follow(self) -> None:
        """The scheduler hears what was appended since."""
        async for page in self.log.read(self.board.position):
            for recorded in page:
                if not self.board.apply(recorded):
                    await self.loading.load(recorded.commit.ref)

    async def toil(self) -> None:
        """A member starts, or comes to an end; one that is being cancelled mostly as cancelled."""
        members = {ref: await self.state(ref) for ref in self.refs}
        leased = [ref for ref, each in members.items() if each.leased]
        if not leased:
            return
        ref = self.random.choice(leased)
        state: Execution = members[ref]
        if state.phase == "assigned" and self.random.random() < 0.5:
            await self.send(ref, c.StartExecution(state.attempt, "n1", self.now_us, "process"))
            return
        ends = ("succeeded", "failed", "failed", "timed_out", "lost")
        status = "cancelled" if state.cancelling and self.random.random() < 0.8 else self.random.choice(ends)
        result = AttemptResult(status, Reason(status.upper(), f"It {status}."))
        await self.send(ref, c.FinishExecution(state.attempt, "n1", result, self.now_us))

    async def watch(self) -> None:
        """What the scheduler decides about the batch as a whole."""
        await self.follow()
        watched = self.board.batches.known[BATCH]
        if watched.incomplete:
            await self.loading.fill(BATCH)
        command = watched.due()
        if command is not None:
            await self.send(BATCH, command)

    async def decide(self) -> None:
        """The person cancels or retries the batch, sometimes a round that is over."""
        if self.decisions <= 0:
            return
        self.decisions -= 1
        statuses = tuple(self.random.sample(STATUSES, self.random.randrange(1, 4)))
        round = (await self.state(BATCH)).round - (self.random.random() < 0.1)
        retry = bc.RetryBatch(statuses, "me", round)
        await self.send(BATCH, self.random.choice((bc.CancelBatch("me"), retry, retry)))

    async def meddle(self) -> None:
        """The person cancels or retries one member."""
        ref = self.random.choice(self.refs)
        if self.random.random() < 0.3:
            await self.send(ref, self.random.choice((c.CancelExecution("me", self.now_us), c.RetryExecution("me"))))


if __name__ == "__main__":
    from tests.services.steward.promises import check

    async def tell(seed: int) -> None:
        world = await World(seed).run()
        names = {ref: f"member {index}" for index, ref in enumerate(world.refs)} | {BATCH: "batch"}
        async for page in world.log.read():
            for each in page:
                if each.commit.ref in names:
                    events = ", ".join(type(event).__name__ for event in each.commit.events)
                    print(
                        f"{each.position:4} {names[each.commit.ref]} {each.commit.actor} <{each.commit.cause}> {events}"
                    )
        await check(world)

    asyncio.run(tell(int(sys.argv[1])))

__all__ = ["NOW", "World"]
