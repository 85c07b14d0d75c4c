"""Why an earlier run did, or did not, stand for this one: the key of memoization part by part, beside that of the last run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from domain.execution import events as e
from domain.execution.job import Job
from domain.memo import differing, memo_key, memo_parts
from gateway.auth import Caller
from gateway.parts import Parts
from projections.listing import Filters, cursor_of
from services.runtime.log import Recorded, Ref

NOT_ASKED = "Nobody asked for it: --memoize lets an earlier run with the same key serve."
LOOKED_BACK_MAX = 20
"""Runs of a script of the same name, among which is the last one of the same path."""


async def memo(parts: Parts, caller: Caller, commits: Sequence[Recorded]) -> dict[str, Any]:
    """`key`, `parts`, what the lookup said (`result`, `reason`, `reused_from`), and the parts in which the last run of the
    same script path, outside its own batch, `differs`."""
    found = list(events_of(commits))
    submitted = next(event for event in found if isinstance(event, e.ExecutionSubmitted))
    job = job_of(found)
    said = next((event.memo for event in found if isinstance(event, e.ExecutionCached) and event.memo), None)
    reused = [event.reused_from for event in found if isinstance(event, e.ExecutionFinished) and event.reused_from]
    before = commits[0].position
    if submitted.batch_id:
        batch = await parts.log.load(Ref(caller.account, "batch", submitted.batch_id))
        before = batch.commits[0].position if batch.commits else before
    shown: dict[str, Any] = {
        "key": memo_key(job),
        "parts": dict(memo_parts(job)),
        "result": said.result if said else None,
        "reason": said.reason if said else NOT_ASKED,
        "reused_from": reused[-1] if reused else None,
        "differs": [],
    }
    last = None if reused else await _last_run(parts, caller, job.script.path, before)
    if last is not None:
        shown["differs"] = differing(job, last)
    return shown


async def _last_run(parts: Parts, caller: Caller, path: str, before: int) -> Job | None:
    """The job of the last execution of this script path that was submitted before that position."""
    filters = Filters(script=path)
    page = await parts.queries.list_executions(caller.account, filters, cursor=cursor_of(before), limit=LOOKED_BACK_MAX)
    for doc in map(orjson.loads, page.items):
        if doc["script"]["path"] == path:
            history = await parts.log.load(Ref(caller.account, "execution", doc["id"]))
            return job_of(events_of(history.commits))
    return None


def events_of(commits: Iterable[Recorded]) -> Iterable[Any]:
    return (event for recorded in commits for event in recorded.commit.events)


def job_of(events: Iterable[Any]) -> Job:
    """What it runs, or ran last: a retry may have brought another script."""
    job: Job | None = None
    for event in events:
        if isinstance(event, e.ExecutionSubmitted):
            job = event.job
        elif isinstance(event, e.ExecutionRetried) and event.script and job is not None:
            job = replace(job, script=event.script)
    assert job is not None
    return job
