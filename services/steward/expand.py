"""From the list of members to members: executions, submitted and resolved in one breath, each with its estimate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.batch.commands import ExpandBatch, StopBatch
from domain.batch.decider import Batch
from domain.batch.events import BatchSubmitted
from domain.batch.members import Member, decode, member_id, member_job
from domain.cost.commands import EstimateCost
from domain.cost.settlement import estimate, estimate_reused, settle_reused
from domain.errors import Invalid, NotFound
from domain.execution.commands import ResolveExecution, SubmitExecution
from domain.execution.events import Lookup, Reason
from domain.execution.job import Job
from domain.execution.lookups import inputs_lookup, script_lookup
from services.runtime.environments import environment_lookup
from services.runtime.log import APPEND_ALL_MAX, Ref
from services.runtime.orders import Handled, Order
from services.runtime.service import Context, EventItem
from services.steward.known import Known, known_of
from services.steward.members import first_missing, there

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
    environment: Lookup

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
            self.environment,
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
    """Write whatever of the batch is not there yet; when its list is gone, end it with what is there."""
    state: Batch = (await context.load(item.ref))[0]
    if state.phase != "submitted" or state.round > 0:
        return
    event: BatchSubmitted = item.event
    refs = [
        Ref(item.ref.account, "execution", member_id(item.ref.account, item.ref.id, n))
        for n in range(event.members.count)
    ]
    written = await first_missing(context, refs)
    try:
        listed = await _listed(context, item.ref.account, event)
    except (NotFound, Invalid) as error:
        context.logger.error("%s cannot be written: %s", item.ref.id, error.message)
        reason = Reason("MEMBERS_LOST", f"The list of its members is gone: {error.message}", "Submit it again.")
        await context.handle(item.ref, StopBatch(reason, 0, state.round))
        await context.handle(item.ref, ExpandBatch(written))
        return
    history = await context.queries.history_seconds(item.ref.account, event.job.script.sha256)
    expected = estimate(event.job, context.settings.node_type, history)
    environment = await environment_lookup(context, item.ref.account, event.job, item.position)
    expansion = Expansion(context, item.ref, event, listed, expected, environment)
    all_there = await _write(expansion, max(0, written - 1))
    # Of what was written before a crash nobody here knows whether all of it was accepted.
    count = len(refs) if all_there and not written else await there(context, item.ref.id, refs)
    await context.handle(item.ref, ExpandBatch(count))


async def _write(expansion: Expansion, start: int) -> bool:
    """The members from `start` on, page after page: a page is there only when all before it are, and then all of it is.

    While the log stores one page, the next is prepared. False when one of them was refused, which stops no other.
    """
    all_there, context = True, expansion.context
    coming = asyncio.ensure_future(expansion.orders(start))
    try:
        while orders := await coming:
            start += PAGE
            coming = asyncio.ensure_future(expansion.orders(start))
            for order, each in zip(orders, await context.handle_all(orders), strict=True):
                if not isinstance(each, Handled):
                    all_there = False
                    context.logger.error("%s of %s is not there: %s", order.ref.id, expansion.batch.id, each)
    finally:
        coming.cancel()
    return all_there


async def _listed(context: Context, account: str, event: BatchSubmitted) -> list[Member]:
    """Raises NotFound, Invalid when the list is gone for good."""
    data = b"".join([piece async for piece in context.shell.store.open(account, event.members.sha256)])
    return await asyncio.to_thread(decode, data)
