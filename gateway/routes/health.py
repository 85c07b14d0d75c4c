"""Probes. They need no key and say nothing about what is in the grid."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from domain.errors import Unavailable
from gateway.described import ERROR_SCHEMA, shape
from gateway.parts import PartsDep
from gateway.reading import answer

router = APIRouter(tags=["health"])
OPEN: dict[str, list[dict[str, list[str]]]] = {"security": []}
GOOD = shape("Yes.", {"ok": {"type": "boolean"}}, {"ok": True})
AWAY = {"description": "Not now.", "content": {"application/json": {"schema": ERROR_SCHEMA}}}


@router.get("/healthz", response_class=Response, responses={200: GOOD}, openapi_extra=OPEN)
async def healthz() -> Response:
    """Is this process alive?"""
    return answer({"ok": True})


@router.get("/readyz", response_class=Response, responses={200: GOOD, 503: AWAY}, openapi_extra=OPEN)
async def readyz(parts: PartsDep) -> Response:
    """Can it serve: do NATS and Postgres answer, and are the read models there?"""
    try:
        await parts.log.last_position()
        there = await parts.queries.stand() is not None
    except Exception as error:
        raise Unavailable(f"Not ready: {error}") from error
    if not there:
        raise Unavailable("The read models are not there yet; the projector makes them at its start.")
    return answer({"ok": True})
