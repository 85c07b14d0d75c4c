"""Tickets for browsers, which cannot send a header when they open a WebSocket."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.described import COUNT, TEXT, errors, shape
from gateway.parts import CallerDep, PartsDep
from gateway.reading import answer
from gateway.tickets import TICKET_SECONDS

router = APIRouter(tags=["keys"])
ISSUED = {"ticket": "rgt_…", "expires_in_seconds": 30}


@router.post(
    "/tickets",
    status_code=201,
    response_class=Response,
    responses={201: shape("For one WebSocket.", {"ticket": TEXT, "expires_in_seconds": COUNT}, ISSUED), **errors()},
)
async def issue(parts: PartsDep, caller: CallerDep) -> Response:
    """A ticket that opens one WebSocket (`?ticket=`) within 30 seconds."""
    ticket = parts.tickets.issue(caller.account, caller.key_id)
    return answer({"ticket": ticket, "expires_in_seconds": int(TICKET_SECONDS)}, 201)
