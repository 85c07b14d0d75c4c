"""What became of the members of a batch: as a list, as results to fetch, and their failures by cause."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.auth import Caller
from gateway.batch_reading import BatchId, existing_batch
from gateway.described import COUNT, errors, shape
from gateway.filters import Cursor
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import SEQUENCE_MAX, MinSeq, answer, fresh
from gateway.routes.executions import PAGE, STATUSES
from gateway.routes.outputs import EXAMPLE as OUTPUT_EXAMPLE
from projections.listing import PAGE_MAX

router = APIRouter(tags=["batches"])
ENTRIES_MAX = 2000
"""Output files in one page of results, so that a page stays small however much each member wrote."""
MEMBER_EXAMPLE = {
    "index": 0,
    "member": "books/alice.txt",
    "id": "exec_7f3k2m9q4d1t",
    "status": "succeeded",
    "exit_code": 0,
    "reason": {"code": "OK", "message": "The script ended."},
    "attempt": 1,
    "duration_ms": 420,
    "cost_micros": 0,
    "outputs": {"count": 1, "size_bytes": 1024, "refused": 0},
    "error_line": "",
    "reused_from": None,
}
RESULT_EXAMPLE = {
    **MEMBER_EXAMPLE,
    "sequence": 1047,
    "log_lines": 12,
    "outputs": {"count": 1, "size_bytes": 1024, "refused": 0, "entries": [OUTPUT_EXAMPLE]},
    "outputs_refused": [],
}
FAILURE_EXAMPLE = {
    "code": "EXIT_CODE",
    "exit_code": 1,
    "error_line": "ValueError: line 17 has no header",
    "pattern": "ValueError: line * has no header",
    "count": 12,
    "example": {"id": "exec_7f3k2m9q4d1t", "member": "books/alice.txt"},
}
LIST = {"type": "array", "items": {"type": "object"}}


@router.get(
    "/batches/{batch_id}/members",
    response_class=Response,
    responses={
        200: shape("In the order of the list.", PAGE, {"items": [MEMBER_EXAMPLE], "next_cursor": None}),
        **errors(404, 409),
    },
)
async def members(
    parts: PartsDep,
    caller: CallerDep,
    batch_id: BatchId,
    status: Annotated[list[Annotated[str, Query(pattern=STATUSES)]] | None, Query(max_length=8)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    cursor: Cursor = None,
    min_seq: MinSeq = None,
) -> Response:
    """A page of the members and how each of them is."""
    await fresh(parts, min_seq)
    batch = await existing_batch(parts, caller, batch_id)
    page = await parts.queries.batch_members(caller.account, batch, status=status, cursor=cursor, limit=limit)
    return answer({"items": page.items, "next_cursor": page.next_cursor})


@router.get(
    "/batches/{batch_id}/results",
    response_class=Response,
    responses={
        200: shape(
            "In the order in which they ended; outputs.entries is null when they are too many (ask for its outputs).",
            {"items": LIST, "next_after": COUNT},
            {"items": [RESULT_EXAMPLE], "next_after": 1047},
        ),
        **errors(404, 409),
    },
)
async def results(
    parts: PartsDep,
    caller: CallerDep,
    batch_id: BatchId,
    after: Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="next_after of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_MAX,
    min_seq: MinSeq = None,
) -> Response:
    """Members that have ended, with signed URLs (15 minutes) for what they wrote. One that is retried comes once more."""
    await fresh(parts, min_seq)
    batch = await existing_batch(parts, caller, batch_id)
    page = await parts.queries.batch_results(caller.account, batch, after=after, limit=limit)
    found = _cut(page.items)
    for item in found:
        _sign(parts, caller, item)
    return answer({"items": found, "next_after": found[-1]["sequence"] if found else after})


def _cut(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At least one of `items`, and no more than have ENTRIES_MAX files together."""
    files = 0
    for index, item in enumerate(items):
        files += len(item["outputs"]["entries"] or ())
        if files > ENTRIES_MAX and index:
            return items[:index]
    return items


def _sign(parts: Parts, caller: Caller, item: dict[str, Any]) -> None:
    """What is not kept any longer has no files to name; asked for its outputs it says so."""
    if item["artifacts_expired"]:
        item["outputs"]["entries"] = None
    for entry in item["outputs"]["entries"] or ():
        entry["url"] = parts.store.download_url(caller.account, entry["sha256"], caller.key_id)


@router.get(
    "/batches/{batch_id}/failures",
    response_class=Response,
    responses={200: shape("By cause, most first.", {"items": LIST}, {"items": [FAILURE_EXAMPLE]}), **errors(404, 409)},
)
async def failures(parts: PartsDep, caller: CallerDep, batch_id: BatchId, min_seq: MinSeq = None) -> Response:
    """Members that failed, grouped by why: reason, exit code and what their last lines on stderr have in common."""
    await fresh(parts, min_seq)
    batch = await existing_batch(parts, caller, batch_id)
    return answer({"items": await parts.queries.batch_failures(caller.account, batch)})
