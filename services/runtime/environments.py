"""What is known of the environment of a job when it is resolved: out of the read models, and of two locks at the most."""

from __future__ import annotations

from dataclasses import dataclass

from domain.environment.lookup import NOT_BUILT, Made, changed_lookup, made_lookup, targets_for
from domain.execution.events import Lookup
from domain.execution.job import Job
from domain.execution.lookups import NO_DEPENDENCIES
from projections.environment_queries import EnvironmentQueries
from services.runtime.service import Context

LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Expected:
    """What comes of the packages of a job: `said` as it would be when it is submitted now; `made` is what is there for it, or
    was made of the same lock before (None: nothing)."""

    said: Lookup | None
    made: Made | None


async def built_lately(queries: EnvironmentQueries, account: str, job: Job) -> Made | None:
    """What the last run of the same script had that needed other packages: about as long may it take to build these."""
    if job.environment is None:
        return None
    other = await queries.last_other_lock(account, job.script.path, job.environment.lock.sha256, LAST)
    if other is None or other.kind != job.environment.kind:
        return None
    return next(iter(await queries.made_of(account, other.kind, other.sha256, job.environment.builds)), None)


async def expected(queries: EnvironmentQueries, account: str, job: Job) -> Expected:
    """Out of the read models alone; `said` is None where a look at the locks would tell more."""
    packages = job.environment
    if packages is None:
        return Expected(NO_DEPENDENCIES, None)
    made = await queries.made_of(account, packages.kind, packages.lock.sha256, packages.builds)
    if not made:
        return Expected(None, None)
    wanted = targets_for(job, [node.offer for node in (await queries.nodes_joined()).values()])
    likely = sorted(made, key=lambda each: (not each.good, each.target not in wanted))
    return Expected(made_lookup(job, made, wanted), likely[0])


async def environment_lookup(context: Context, account: str, job: Job, before: int) -> Lookup:
    """Whether its packages are made for a node of now; if not, why. `before`: the position of the submit."""
    packages, queries = job.environment, context.queries
    if packages is None:
        return NO_DEPENDENCIES
    lock = packages.lock.sha256
    said = (await expected(queries, account, job)).said
    if said is not None:
        return said
    other = await queries.last_other_lock(account, job.script.path, lock, before)
    if other is None or other.kind != packages.kind:
        return NOT_BUILT
    store, locks = context.shell.store, context.shell.locks
    then = await locks.readable(store, account, other.kind, other.sha256)
    now = await locks.readable(store, account, packages.kind, lock)
    return changed_lookup(packages, then, now)
