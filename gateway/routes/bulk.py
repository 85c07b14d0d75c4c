"""The same for many executions: cancel or retry a page of them, each by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.errors import Conflict, Refused
from gateway.auth import Caller
from gateway.batch_schemas import BulkBody
from gateway.described import errors, shape
from gateway.idempotency import IdempotencyKey
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import answer
from gateway.routes.actions import command_of, handled
from services.runtime.statuses import public_code

router = APIRouter(tags=["executions"])
AT_ONCE = 16
EXAMPLE = {
    "items": [
        {"id": "exec_7f3k2m9q4d1t", "ok": True, "sequence": 44},
        {"id": "exec_0a1b2c3d4e5f", "ok": False, "error": {"code": "WRONG_STATE", "message": "It has not ended yet …"}},
    ]
}


@router.post(
    "/executions/bulk",
    response_class=Response,
    responses={
        200: shape("What came of each, in the order asked.", {"items": {"type": "array"}}, EXAMPLE),
        **errors(413),
    },
)
async def bulk(parts: PartsDep, caller: CallerDep, body: BulkBody, idempotency_key: IdempotencyKey = None) -> Response:
    """Cancel or retry up to 200 executions. One that is refused does not keep the others from it."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(text: str) -> dict[str, Any]:
        async with room:
            return await _one(parts, caller, body.op, text, idempotency_key)

    return answer({"items": await asyncio.gather(*(one(text) for text in body.ids))})


async def _one(parts: Parts, caller: Caller, op: str, text: str, key: str | None) -> dict[str, Any]:
    try:
        execution, done = await handled(parts, caller, text, command_of(op, caller), key)
        return {"id": execution, "ok": True, "sequence": done.position}
    except (Refused, Conflict) as error:
        return {"id": text, "ok": False, "error": {"code": public_code(error), "message": error.message}}
