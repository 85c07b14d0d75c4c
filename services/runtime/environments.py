"""What is known of the environment of a job when it is resolved: out of the read models, and of two locks at the most."""

from __future__ import annotations

from domain.environment.lookup import NOT_BUILT, changed_lookup, made_lookup, targets_for
from domain.execution.events import Lookup
from domain.execution.job import Job
from domain.execution.lookups import NO_DEPENDENCIES
from services.runtime.service import Context


async def environment_lookup(context: Context, account: str, job: Job, before: int) -> Lookup:
    """Whether its packages are made for a node of now; if not, why. `before`: the position of the submit."""
    packages, queries = job.environment, context.queries
    if packages is None:
        return NO_DEPENDENCIES
    lock = packages.lock.sha256
    made = await queries.made_of(account, packages.kind, lock, packages.builds)
    if made:
        offers = [node.offer for node in (await queries.nodes_joined()).values()]
        said = made_lookup(job, made, targets_for(job, offers))
        if said is not None:
            return said
    other = await queries.last_other_lock(account, job.script.path, lock, before)
    if other is None or other.kind != packages.kind:
        return NOT_BUILT
    store, locks = context.shell.store, context.shell.locks
    then = await locks.readable(store, account, other.kind, other.sha256)
    now = await locks.readable(store, account, packages.kind, lock)
    return changed_lookup(packages, then, now)
