"""What was there before a page of members: their script, their inputs, runs that were the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.execution.commands import Reuse
from domain.execution.events import Lookup
from domain.execution.job import Job
from domain.execution.lookups import input_blobs, memo_lookup
from domain.memo import memo_key
from services.runtime.memos import last_run, reusable
from services.runtime.service import Context


@dataclass(frozen=True, slots=True)
class Known:
    """`inputs`: the blobs that were used before. `reusable`: earlier runs by memo key; `last`: that of the same script."""

    script: bool
    script_path: bool
    inputs: frozenset[str]
    reusable: Mapping[str, Reuse]
    last: tuple[str, Job] | None

    def memo(self, job: Job) -> tuple[Lookup, Reuse | None]:
        """What is said of the memo of `job`, and the run that serves for it."""
        reuse = self.reusable.get(memo_key(job))
        return memo_lookup(job, reuse.execution_id if reuse else "", self.last), reuse


async def known_of(context: Context, account: str, jobs: Sequence[Job], memoize: bool) -> Known:
    """For `jobs` of one script, as of the batch's own position: its members do not know each other."""
    assert context.item is not None
    script, before = jobs[0].script, context.item.cause
    blobs = set[str]().union(*(input_blobs(job) for job in jobs))
    seen = await context.queries.seen(account, script.path, script.sha256, blobs, before=before)
    found: Mapping[str, Reuse] = {}
    last = None
    if memoize:
        found = await reusable(context, account, jobs)
        last = await last_run(context, account, script.path, before)
    return Known(seen.script_hash, seen.script_path, seen.inputs, found, last)
