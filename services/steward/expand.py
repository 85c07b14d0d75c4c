"""From the list of members to members: executions, submitted and resolved in one breath, each with its estimate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.batch.commands import ExpandBatch
from domain.batch.decider import Batch
from domain.batch.events import BatchSubmitted
from domain.batch.members import Member, decode, member_id, member_job
from domain.cost.commands import EstimateCost
from domain.cost.settlement import estimate, estimate_reused, settle_reused
from domain.execution.commands import ResolveExecution, SubmitExecution
from domain.execution.job import Job
from domain.execution.lookups import NO_DEPENDENCIES, inputs_lookup, script_lookup
from services.runtime.log import APPEND_ALL_MAX, Ref
from services.runtime.orders import Order
from services.runtime.service import Context, EventItem
from services.steward.known import Known, known_of

PAGE = APPEND_ALL_MAX // 2
"""Members of one append: each is an execution and its cost."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What all members have in common. `members` are all of the batch, in order."""

    context: Context
    batch: Ref
    event: BatchSubmitted
    members: Sequence[Member]
    estimate: EstimateCost

    def ref(self, index: int) -> Ref:
        return Ref(self.batch.account, "execution", member_id(self.batch.account, self.batch.id, index))

    def job(self, index: int) -> Job:
        return member_job(self.event.job, self.members[index])

    async def orders(self, start: int) -> list[Order]:
        """What writes the members from `start` on, at most PAGE of them."""
        indices = range(start, min(start + PAGE, len(self.members)))
        if not indices:
            return []
        jobs = [self.job(index) for index in indices]
        known = await known_of(self.context, self.batch.account, jobs, self.event.memoize)
        orders: list[Order] = []
        for index, job in zip(indices, jobs, strict=True):
            orders += self._member(index, job, known)
        return orders

    def _member(self, index: int, job: Job, known: Known) -> list[Order]:
        event, ref = self.event, self.ref(index)
        submit = SubmitExecution(
            job,
            event.fingerprint,
            event.name,
            event.project,
            event.tags,
            event.priority,
            self.batch.id,
            self.members[index].name,
            event.memoize,
        )
        memo, reuse = known.memo(job) if event.memoize else (None, None)
        resolve = ResolveExecution(
            script_lookup(job, ran=known.script, path_ran=known.script_path),
            NO_DEPENDENCIES,
            inputs_lookup(job, known.inputs),
            memo,
            reuse,
            self.context.now_us(),
        )
        costs = (self.estimate,) if reuse is None else (estimate_reused(), settle_reused())
        return [
            self.context.order(ref, submit, resolve, new=True),
            self.context.order(Ref(ref.account, "cost", ref.id), *costs, new=True),
        ]


async def expand(context: Context, item: EventItem) -> None:
    """Write whatever of the batch is not there yet."""
    state: Batch = (await context.load(item.ref))[0]
    if state.phase != "submitted" or state.round > 0:
        return
    expansion = await _expansion(context, item)
    await _write(expansion, await _written(expansion))
    await context.handle(item.ref, ExpandBatch(len(expansion.members)))


async def _write(expansion: Expansion, start: int) -> None:
    """The members from `start` on, page after page: a page is there only when all before it are, and then all of it is.

    While the log stores one page, the next is prepared.
    """
    coming = asyncio.ensure_future(expansion.orders(start))
    try:
        while orders := await coming:
            start += PAGE
            coming = asyncio.ensure_future(expansion.orders(start))
            await expansion.context.handle_all(orders)
    finally:
        coming.cancel()


async def _expansion(context: Context, item: EventItem) -> Expansion:
    event: BatchSubmitted = item.event
    data = b"".join([piece async for piece in context.shell.store.open(item.ref.account, event.members.sha256)])
    members = await asyncio.to_thread(decode, data)
    history = await context.queries.history_seconds(item.ref.account, event.job.script.sha256)
    expected = estimate(event.job, context.settings.node_type, history)
    return Expansion(context, item.ref, event, members, expected)


async def _written(expansion: Expansion) -> int:
    """How many members stand in the log already: they are written in order, so the first that is missing tells.

    One less than that, to be exact: whether the cost of the last one was written is not looked at.
    """
    low, high = 0, len(expansion.members)
    middle = 0
    while low < high:
        _, position = await expansion.context.load(expansion.ref(middle))
        low, high = (middle + 1, high) if position else (low, middle)
        middle = (low + high) // 2
    return max(0, low - 1)
