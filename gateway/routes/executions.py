"""Executions: list, look at, wait for."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.auth import Caller
from gateway.batch_reading import existing_batch
from gateway.described import COUNT, TEXT, errors, shape
from gateway.filters import Cursor, Named, OfProject, OfScript, Tags, tag_map
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import (
    ID_PATTERN,
    ExecutionId,
    Instant,
    MinSeq,
    document,
    fresh,
    json_response,
    micros_of,
    priced,
    resolved,
)
from gateway.stream.story import Story
from projections.listing import NO_BATCH, PAGE_MAX, Filters

router = APIRouter(tags=["executions"])
WAIT_SECONDS_MAX = 60.0
WAIT_SECONDS_DEFAULT = 25.0
CHECK_SECONDS = 5.0
STATUSES = r"^(queued|provisioning|running|succeeded|failed|cancelled|timed_out|lost)$"

DOC = {"id": TEXT, "status": TEXT, "sequence": COUNT, "cost": {"type": "object"}, "schema_version": COUNT}
DOC_EXAMPLE = {
    "schema_version": 1,
    "id": "exec_7f3k2m9q4d1t",
    "status": "succeeded",
    "exit_code": 0,
    "sequence": 47,
    "cost": {"estimated_micros": 0, "final_micros": 0, "currency": "EUR"},
}
PAGE = {"items": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}}


@router.get(
    "/executions",
    response_class=Response,
    responses={200: shape("Newest first.", PAGE, {"items": [DOC_EXAMPLE], "next_cursor": None}), **errors(404, 409)},
)
async def listed(
    parts: PartsDep,
    caller: CallerDep,
    status: Annotated[list[Annotated[str, Query(pattern=STATUSES)]] | None, Query(max_length=8)] = None,
    project: OfProject = None,
    tag: Tags = None,
    name: Named = None,
    script: OfScript = None,
    batch: Annotated[
        str | None, Query(pattern=ID_PATTERN, description="Members of this batch only; none: of no batch.")
    ] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    cursor: Cursor = None,
    min_seq: MinSeq = None,
) -> Response:
    """A page of executions, filtered; all filters must match."""
    await fresh(parts, min_seq)
    filters = Filters(
        status=tuple(status) if status else None,
        project=project,
        tags=tag_map(tag),
        name=name,
        script=script,
        batch=await existing_batch(parts, caller, batch) if batch and batch != NO_BATCH else batch,
        since_us=micros_of(since),
        until_us=micros_of(until),
    )
    page = await parts.queries.list_executions(caller.account, filters, cursor=cursor, limit=limit)
    for at in page.unsettled:
        page.items[at] = priced(page.items[at])
    return json_response(page.body())


@router.get(
    "/executions/{execution_id}",
    response_class=Response,
    responses={200: shape("How it stands.", DOC, DOC_EXAMPLE), **errors(404, 409)},
)
async def one(parts: PartsDep, caller: CallerDep, execution_id: ExecutionId, min_seq: MinSeq = None) -> Response:
    """One execution."""
    await fresh(parts, min_seq)
    execution = await resolved(parts, caller, execution_id)
    return json_response(priced(await document(parts, caller, execution)))


@router.get(
    "/executions/{execution_id}/wait",
    response_class=Response,
    responses={200: shape("It ended (X-Ended: true), or the time is up.", DOC, DOC_EXAMPLE), **errors(404, 409)},
)
async def wait(
    parts: PartsDep,
    caller: CallerDep,
    execution_id: ExecutionId,
    timeout_s: Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX, allow_inf_nan=False)] = WAIT_SECONDS_DEFAULT,
) -> Response:
    """Wait until it has ended, at most `timeout_s`; the answer is the execution either way."""
    execution = await resolved(parts, caller, execution_id)
    ended, position = await _wait_for_end(parts, caller, execution, timeout_s)
    await fresh(parts, position)
    doc = priced(await document(parts, caller, execution))
    return json_response(doc, headers={"X-Ended": "true" if ended else "false"})


async def _wait_for_end(parts: Parts, caller: Caller, execution: str, timeout: float) -> tuple[bool, int]:
    """Whether it has ended, and how far its log was read; woken by its commits."""
    deadline = time.monotonic() + timeout
    live = await parts.chunks.follow(caller.account, execution, chunks=False)
    try:
        story = Story(parts.log, caller.account, execution)
        await story.begin()
        while story.finished is None and (left := deadline - time.monotonic()) > 0:
            await live.wait(min(left, CHECK_SECONDS))
            heard, live.heard = live.heard, {}
            await story.news(heard or {"execution": set()})
        return story.finished is not None, story.position
    finally:
        await live.close()
