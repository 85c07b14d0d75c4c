"""Says of every new execution what is already there: its script, its environment, its inputs; hit or miss, and why.

One that may be memoized ends here when the same ran before and succeeded. Members of batches are resolved by the steward.
"""

from __future__ import annotations

from collections import OrderedDict

from domain.execution.commands import ResolveExecution, Reuse
from domain.execution.events import ExecutionSubmitted, Lookup
from domain.execution.job import Job
from domain.execution.lookups import input_blobs, inputs_lookup, memo_lookup, script_lookup
from domain.memo import memo_key
from projections.service_queries import Seen
from services.runtime.environments import environment_lookup
from services.runtime.memos import last_run, reusable
from services.runtime.service import Context, EventItem, Service

SCRIPTS_MAX = 10_000


class Resolver:
    def __init__(self) -> None:
        self._ran: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def react(self, context: Context, item: EventItem) -> None:
        """Look the job up and record the answer; a second delivery adds nothing."""
        job: Job = item.event.job
        seen = await self._seen(context, item, job)
        memo, reuse = await _memo(context, item, job) if item.event.memoize else (None, None)
        command = ResolveExecution(
            script_lookup(job, ran=seen.script_hash, path_ran=seen.script_path),
            await environment_lookup(context, item.ref.account, job, item.position),
            inputs_lookup(job, seen.inputs),
            memo,
            reuse,
            context.now_us(),
        )
        await context.handle(item.ref, command)

    async def _seen(self, context: Context, item: EventItem, job: Job) -> Seen:
        """What was used before stays used before: a script that came by here without inputs need not be looked up."""
        account, script, blobs = item.ref.account, job.script, input_blobs(job)
        first = self._ran.get((account, script.sha256))
        if first is not None and first < item.position and not blobs:
            return Seen(True, True, frozenset())
        seen: Seen = await context.queries.seen(account, script.path, script.sha256, blobs, before=item.position)
        self._ran[account, script.sha256] = item.position if first is None else min(first, item.position)
        if len(self._ran) > SCRIPTS_MAX:
            self._ran.popitem(last=False)
        return seen


async def _memo(context: Context, item: EventItem, job: Job) -> tuple[Lookup, Reuse | None]:
    """Whether an earlier run serves, and which."""
    account, key = item.ref.account, memo_key(job)
    reuse = (await reusable(context, account, [job])).get(key)
    if reuse is not None:
        return memo_lookup(job, reuse.execution_id, None), reuse
    return memo_lookup(job, "", await last_run(context, account, job.script.path, item.position)), None


SERVICE = Service(name="resolver", consumes=(ExecutionSubmitted,), sends=(ResolveExecution,), react=Resolver().react)
