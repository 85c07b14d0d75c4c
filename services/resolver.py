"""Says of every new execution what is already there: its script, its environment, its inputs; hit or miss, and why."""

from __future__ import annotations

from domain.execution.commands import ResolveExecution
from domain.execution.events import ExecutionSubmitted, Lookup
from domain.execution.job import Job
from projections.queries import Seen
from services.runtime.service import Context, EventItem, Service

NO_DEPENDENCIES = Lookup("hit", "the runtime alone: no dependencies declared")


async def react(context: Context, item: EventItem) -> None:
    """Look the job up and record the answer; a second delivery adds nothing."""
    job: Job = item.event.job
    hashes = {entry.sha256 for entry in job.inputs.entries} | ({job.inputs.manifest} if job.inputs.manifest else set())
    script = job.script
    seen = await context.queries.seen(item.ref.account, script.path, script.sha256, hashes, before=item.position)
    command = ResolveExecution(_script(job, seen), NO_DEPENDENCIES, _inputs(job, hashes, seen))
    await context.handle(item.ref, command)


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


SERVICE = Service(name="resolver", consumes=(ExecutionSubmitted,), sends=(ResolveExecution,), react=react)
