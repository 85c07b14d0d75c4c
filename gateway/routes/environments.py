"""The packages that were built for the account's scripts: list them, throw them away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.environment.commands import InvalidateEnvironment
from domain.errors import Conflict, Refused
from domain.files import PATH_BYTES_MAX
from domain.retention import DAY_US, DAYS_MAX
from gateway.auth import Caller
from gateway.batch_schemas import EnvironmentsBody
from gateway.described import COUNT, TEXT, errors, shape
from gateway.fields import NO_NUL
from gateway.filters import Cursor
from gateway.idempotency import IdempotencyKey, command_id
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import MinSeq, answer, fresh
from gateway.routes.executions import PAGE
from projections.environment_queries import EnvironmentFilters
from projections.listing import PAGE_MAX
from services.runtime.log import Ref
from services.runtime.statuses import public_code

router = APIRouter(tags=["environments"])
AT_ONCE = 16
EXAMPLE = {
    "id": "env_0123456789abcdef01234567",
    "status": "good",
    "kind": "python",
    "target": "cpython-3.11.7-linux-x86_64",
    "source": "requirements.txt",
    "packages": 6,
    "size_bytes": 148_000_000,
    "build_ms": 11_800,
    "nodes": ["local-1"],
    "used_at": "2026-11-20T14:02:00.000Z",
}
TOTALS = {"count": 1, "size_bytes": 148_000_000, "archive_bytes": 41_000_000}
THROWN = {"items": {"type": "array"}, "count": COUNT, "sequence": COUNT}
THROWN_EXAMPLE = {"items": [{"id": EXAMPLE["id"], "ok": True, "sequence": 61}], "count": 1, "sequence": 61}
DaysUnused = Annotated[int | None, Query(ge=0, le=DAYS_MAX, description="Only what nobody used for so many days.")]
OfScript = Annotated[
    str | None, Query(min_length=1, max_length=PATH_BYTES_MAX, pattern=NO_NUL, description="That this script needed.")
]


@router.get(
    "/environments",
    response_class=Response,
    responses={
        200: shape(
            "The first built last; `totals` are those of all that match, `size_bytes` on all nodes together.",
            {**PAGE, "totals": {"type": "object"}},
            {"items": [EXAMPLE], "next_cursor": None, "totals": TOTALS},
            status=TEXT,
        ),
        **errors(409),
    },
)
async def listed(
    parts: PartsDep,
    caller: CallerDep,
    script: OfScript = None,
    unused_days: DaysUnused = None,
    gone: Annotated[bool, Query(description="Also what was thrown away.")] = False,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    cursor: Cursor = None,
    min_seq: MinSeq = None,
) -> Response:
    """A page of the environments, with where they are and who used them last."""
    await fresh(parts, min_seq)
    filters = EnvironmentFilters(script, _since(unused_days), gone)
    items, following = await parts.queries.environments(caller.account, filters, cursor=cursor, limit=limit)
    totals = await parts.queries.environment_totals(caller.account, filters)
    return answer({"items": items, "next_cursor": following, "totals": totals})


@router.post(
    "/environments/invalidate",
    response_class=Response,
    responses={200: shape("What came of each.", THROWN, THROWN_EXAMPLE), **errors(404, 413)},
)
async def invalidate(
    parts: PartsDep, caller: CallerDep, body: EnvironmentsBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Trust them no more: the next run that needs one builds it anew. Nodes throw theirs away once nothing runs in it."""
    return await _throw_away(parts, caller, body, idempotency_key, pruned=False)


@router.post(
    "/environments/prune",
    response_class=Response,
    responses={200: shape("What came of each.", THROWN, THROWN_EXAMPLE), **errors(404, 413)},
)
async def prune(
    parts: PartsDep, caller: CallerDep, body: EnvironmentsBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """The same, only to spare room."""
    return await _throw_away(parts, caller, body, idempotency_key, pruned=True)


async def _throw_away(
    parts: Parts, caller: Caller, body: EnvironmentsBody, key: str | None, *, pruned: bool
) -> Response:
    room = asyncio.Semaphore(AT_ONCE)
    command = InvalidateEnvironment(caller.actor, pruned)

    async def one(id: str) -> dict[str, Any]:
        async with room:
            try:
                handled = await parts.handler.handle(
                    Ref(caller.account, "environment", id),
                    command,
                    command_id=command_id("InvalidateEnvironment", key, caller.key_id, id),
                    actor=caller.actor,
                )
            except (Refused, Conflict) as error:
                return {"id": id, "ok": False, "error": {"code": public_code(error), "message": error.message}}
            return {"id": id, "ok": True, "sequence": handled.position}

    items = await asyncio.gather(*[one(id) async for id in _meant(parts, caller.account, body)])
    done = [item["sequence"] for item in items if item["ok"]]
    return answer({"items": items, "count": len(done), "sequence": max(done, default=0)})


async def _meant(parts: Parts, account: str, body: EnvironmentsBody) -> AsyncIterator[str]:
    """The ids, each once. Raises NotFound, Invalid (AMBIGUOUS_ID)."""
    if body.ids:
        for id in dict.fromkeys([await parts.queries.resolve_environment(account, text) for text in body.ids]):
            yield id
        return
    cursor: str | None = None
    filters = EnvironmentFilters(body.script, _since(body.unused_days))
    while True:
        items, cursor = await parts.queries.environments(account, filters, cursor=cursor)
        for item in items:
            yield item["id"]
        if cursor is None:
            return


def _since(days: int | None) -> int | None:
    return None if days is None else time.time_ns() // 1000 - days * DAY_US
