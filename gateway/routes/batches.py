"""Batches: list, look at, wait for. However many members one has, it is one row that is read."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.errors import Unavailable
from gateway.auth import Caller
from gateway.batch_reading import ENDED, BatchId, batch_document, resolved_batch
from gateway.described import COUNT, TEXT, errors, shape
from gateway.filters import Cursor, Named, OfProject, Tags, tag_map
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import SEQUENCE_MAX, Instant, MinSeq, answer, fresh, json_response, micros_of
from gateway.routes.executions import PAGE, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX
from projections.listing import PAGE_MAX, Filters

router = APIRouter(tags=["batches"])
ANSWER_SECONDS_MIN = 0.5
"""Between two answers to one who waits for news: a batch that runs has news all the time."""
LOOK_SECONDS = 0.1
"""So often a batch is looked at that changes all the time; its end is answered at once."""
STATUSES = r"^(queued|running|succeeded|failed|cancelled)$"
DOC: dict[str, Any] = {
    "id": TEXT,
    "status": TEXT,
    "sequence": COUNT,
    "count": COUNT,
    "counts": {"type": "object"},
    "cost": {"type": "object"},
    "schema_version": COUNT,
}
DOC_EXAMPLE = {
    "schema_version": 1,
    "id": "batch_7f3k2m9q4d1t",
    "status": "running",
    "count": 500,
    "counts": {"queued": 380, "running": 20, "succeeded": 97, "failed": 3},
    "sequence": 1047,
    "cost": {"estimated_micros": 0, "charged_micros": 0, "equivalent_micros": 61, "currency": "EUR"},
}


@router.get(
    "/batches",
    response_class=Response,
    responses={200: shape("Newest first.", PAGE, {"items": [DOC_EXAMPLE], "next_cursor": None}), **errors(409)},
)
async def listed(
    parts: PartsDep,
    caller: CallerDep,
    status: Annotated[list[Annotated[str, Query(pattern=STATUSES)]] | None, Query(max_length=5)] = None,
    project: OfProject = None,
    tag: Tags = None,
    name: Named = None,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    cursor: Cursor = None,
    min_seq: MinSeq = None,
) -> Response:
    """A page of batches, filtered; all filters must match."""
    await fresh(parts, min_seq)
    filters = Filters(
        status=tuple(status) if status else None,
        project=project,
        tags=tag_map(tag),
        name=name,
        since_us=micros_of(since),
        until_us=micros_of(until),
    )
    page = await parts.queries.list_batches(caller.account, filters, cursor=cursor, limit=limit)
    return json_response(page.body())


@router.get(
    "/batches/{batch_id}",
    response_class=Response,
    responses={200: shape("How it stands.", DOC, DOC_EXAMPLE), **errors(404, 409)},
)
async def one(parts: PartsDep, caller: CallerDep, batch_id: BatchId, min_seq: MinSeq = None) -> Response:
    """One batch: counts and sums of its members."""
    await fresh(parts, min_seq)
    return answer(await batch_document(parts, caller, await resolved_batch(parts, caller, batch_id)))


@router.get(
    "/batches/{batch_id}/wait",
    response_class=Response,
    responses={
        200: shape("There is news, it has ended (X-Ended: true), or the time is up.", DOC, DOC_EXAMPLE),
        **errors(404, 409),
    },
)
async def wait(
    parts: PartsDep,
    caller: CallerDep,
    batch_id: BatchId,
    after_seq: Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="The `sequence` you know.")] = 0,
    timeout_s: Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX, allow_inf_nan=False)] = WAIT_SECONDS_DEFAULT,
) -> Response:
    """Wait for news of it, at most `timeout_s`; the answer is the batch either way, and comes twice a second at most."""
    batch = await resolved_batch(parts, caller, batch_id)
    doc, ended = await _news(parts, caller, batch, after_seq, timeout_s)
    return json_response(orjson.dumps(doc), headers={"X-Ended": "true" if ended else "false"})


async def _news(
    parts: Parts, caller: Caller, batch: str, after_seq: int, timeout: float
) -> tuple[dict[str, Any], bool]:
    """The batch once it has changed or ended, and whether it has ended."""
    begun = time.monotonic()
    deadline, earliest = begun + timeout, begun + (ANSWER_SECONDS_MIN if after_seq else 0)
    while True:
        position = await parts.queries.position()
        doc = await batch_document(parts, caller, batch)
        now, news, ended = time.monotonic(), doc["sequence"] > after_seq, doc["status"] in ENDED
        if ended or now >= deadline or (news and now >= earliest):
            return doc, ended
        if not news:
            await _projected(parts, position + 1, deadline - now)
        await asyncio.sleep(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))


async def _projected(parts: Parts, position: int, timeout: float) -> None:
    """Until the read models have reached `position`, or the time is up."""
    try:
        await parts.queries.wait_for(position, timeout)
    except Unavailable as error:
        if error.code != "PROJECTIONS_BEHIND":
            raise
