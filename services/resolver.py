"""Says of every new execution what is already there: its script, its environment, its inputs; hit or miss, and why."""

from __future__ import annotations

from collections import OrderedDict

from domain.execution.commands import ResolveExecution
from domain.execution.events import ExecutionSubmitted, Lookup
from domain.execution.job import Job
from projections.service_queries import Seen
from services.runtime.service import Context, EventItem, Service

NO_DEPENDENCIES = Lookup("hit", "the runtime alone: no dependencies declared")
SCRIPTS_MAX = 10_000


class Resolver:
    def __init__(self) -> None:
        self._ran: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def react(self, context: Context, item: EventItem) -> None:
        """Look the job up and record the answer; a second delivery adds nothing."""
        job: Job = item.event.job
        manifest = {job.inputs.manifest} if job.inputs.manifest else set()
        hashes = {entry.sha256 for entry in job.inputs.entries} | manifest
        seen = await self._seen(context, item, job, hashes)
        command = ResolveExecution(_script(job, seen), NO_DEPENDENCIES, _inputs(job, hashes, seen))
        await context.handle(item.ref, command)

    async def _seen(self, context: Context, item: EventItem, job: Job, hashes: set[str]) -> Seen:
        """What was used before stays used before: a script that came by here without inputs need not be looked up."""
        account, script = item.ref.account, job.script
        first = self._ran.get((account, script.sha256))
        if first is not None and first < item.position and not hashes:
            return Seen(True, True, frozenset())
        seen: Seen = await context.queries.seen(account, script.path, script.sha256, hashes, before=item.position)
        self._ran[account, script.sha256] = item.position if first is None else min(first, item.position)
        if len(self._ran) > SCRIPTS_MAX:
            self._ran.popitem(last=False)
        return seen


def _script(job: Job, seen: Seen) -> Lookup:
    if seen.script_hash:
        return Lookup("hit", "this script ran before, unchanged")
    if seen.script_path:
        return Lookup("miss", f"{job.script.path} changed since it last ran")
    return Lookup("miss", "this script has not run before")


def _inputs(job: Job, hashes: set[str], seen: Seen) -> Lookup:
    if not hashes:
        return Lookup("hit", "no inputs")
    fresh = len(hashes) - len(seen.inputs)
    if job.inputs.manifest:
        known = "used before, all of them" if fresh == 0 else "not used together before"
        return Lookup("miss" if fresh else "hit", f"{job.inputs.count} inputs, {known}")
    if fresh == 0:
        return Lookup("hit", f"{_count(len(hashes))} used before, unchanged")
    return Lookup("miss", f"{_count(fresh)} of {len(hashes)} not used before")


def _count(number: int) -> str:
    return "1 input" if number == 1 else f"{number} inputs"


SERVICE = Service(name="resolver", consumes=(ExecutionSubmitted,), sends=(ResolveExecution,), react=Resolver().react)
