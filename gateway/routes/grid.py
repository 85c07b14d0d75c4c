"""The grid itself: its nodes, and how it is doing."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from domain.files import ENTRIES_INLINE_MAX, FILES_MAX
from gateway.described import TEXT, errors, shape
from gateway.fields import TIMEOUT_SECONDS_MAX
from gateway.parts import CallerDep, PartsDep
from gateway.reading import answer
from services.runtime.backlog import backlogs
from services.runtime.park import parked
from services.runtime.versions import VERSION

router = APIRouter(tags=["grid"])
LIST = {"type": "array", "items": {"type": "object"}}


@router.get(
    "/nodes",
    response_class=Response,
    responses={
        200: shape("Every node that ever joined.", {"items": LIST}, {"items": [{"id": "local-1", "status": "joined"}]}),
        **errors(),
    },
)
async def nodes(parts: PartsDep, caller: CallerDep) -> Response:
    """The machines, with what they offer."""
    return answer({"items": await parts.queries.nodes()})


@router.get(
    "/grid",
    response_class=Response,
    responses={
        200: shape(
            "How it is doing.",
            {"version": TEXT, "positions": {"type": "object"}, "streams": LIST, "nodes": {"type": "object"}},
            {"version": "0.1.0", "positions": {"log": 812, "projected": 812, "lag": 0}, "nodes": {"joined": 1}},
        ),
        **errors(),
    },
)
async def grid(parts: PartsDep, caller: CallerDep) -> Response:
    """Version, how far the read models are behind the log, what waits in the streams, what was parked, nodes, limits."""
    last, projected = await parts.log.last_position(), await parts.queries.position()
    known, stuck = await parts.queries.nodes(), await parked(parts.bus)
    counts: dict[str, int] = {}
    for node in known:
        counts[node["status"]] = counts.get(node["status"], 0) + 1
    value: dict[str, Any] = {
        "version": VERSION,
        "uptime_seconds": round(time.time() - parts.started_at, 1),
        "positions": {"log": last, "projected": projected, "lag": max(0, last - projected)},
        "streams": [asdict(each) for each in await backlogs(parts.bus)],
        "parked": {"count": len(stuck), "last": _last(stuck)},
        "nodes": counts,
        "sandbox": sorted({node["sandbox"] for node in known if node["status"] == "joined"}),
        "limits": {
            "log_bytes_max": parts.settings.log_bytes_max,
            "inputs_inline_max": ENTRIES_INLINE_MAX,
            "files_max": FILES_MAX,
            "timeout_seconds_max": TIMEOUT_SECONDS_MAX,
        },
        "docs": "docs/",
    }
    return answer(value)


def _last(stuck: list[Any]) -> dict[str, Any] | None:
    """The newest parked message, without its payload (it may be another account's)."""
    if not stuck:
        return None
    shown = asdict(stuck[-1])
    return {name: shown[name] for name in ("service", "stream", "position", "subject", "error", "at_us", "deliveries")}
