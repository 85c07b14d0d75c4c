"""What it cost: one execution line by line, or sums over a time."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.money import CURRENCY
from gateway.auth import Caller
from gateway.batch_reading import existing_batch
from gateway.described import COUNT, TEXT, errors, shape
from gateway.filters import OfBatch, OfProject, OfScript, Tags, tag_map
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import ID_PATTERN, Instant, MinSeq, answer, document, fresh, micros_of, priced, resolved
from projections.bills import Bills
from projections.execution_doc import iso
from projections.listing import Filters

router = APIRouter(tags=["cost"])
LAST = r"^[1-9][0-9]{0,4}[mhdw]$"
BY = r"^(total|day|project|script|tag|tag:[A-Za-z0-9][A-Za-z0-9._/-]{0,63})$"
UNITS_US = {"m": 60 * 10**6, "h": 3600 * 10**6, "d": 86_400 * 10**6, "w": 7 * 86_400 * 10**6}
GROUP_EXAMPLE = {
    "group": "2026-11-20",
    "executions": 3,
    "attempts": 4,
    "held_us": 1_200_000,
    "charged_micros": 0,
    "equivalent_micros": 2,
}


@router.get(
    "/cost",
    response_class=Response,
    responses={
        200: shape(
            "Sums in micro-euros, exact; with `execution`, the lines of its bill.",
            {"items": {"type": "array", "items": {"type": "object"}}, "charged_micros": COUNT, "currency": TEXT},
            {
                "by": "day",
                "items": [GROUP_EXAMPLE],
                "complete": True,
                "charged_micros": 0,
                "equivalent_micros": 2,
                "currency": "EUR",
            },
        ),
        **errors(404, 409),
    },
)
async def cost(
    parts: PartsDep,
    caller: CallerDep,
    execution: Annotated[
        str | None, Query(pattern=ID_PATTERN, description="One execution; the rest is ignored.")
    ] = None,
    last: Annotated[str | None, Query(pattern=LAST, description="Such as 90m, 24h, 7d, 4w.")] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    by: Annotated[str, Query(pattern=BY)] = "total",
    project: OfProject = None,
    tag: Tags = None,
    script: OfScript = None,
    batch: OfBatch = None,
    min_seq: MinSeq = None,
) -> Response:
    """What was charged. `equivalent_micros` is what the same time would cost on the cheapest cloud node.

    The sums are of all that was charged; when there are too many groups to list, `complete` is false and the rest are left out.
    """
    await fresh(parts, min_seq)
    if execution is not None:
        return await _of_one(parts, caller, execution)
    now_us, until_us = time.time_ns() // 1000, micros_of(until)
    since_us = _begin(now_us, last, micros_of(since))
    filters = Filters(
        project=project,
        tags=tag_map(tag),
        script=script,
        batch=await existing_batch(parts, caller, batch) if batch else None,
    )
    bills = await parts.queries.bills(caller.account, by, filters, since_us=since_us, until_us=until_us)
    span = {"from": None if since_us is None else iso(since_us), "to": iso(now_us if until_us is None else until_us)}
    return answer({"by": by, **span, **_sums(bills), "currency": CURRENCY})


def _sums(bills: Bills) -> dict[str, Any]:
    """The groups, whether those are all of them, and the total."""
    total = {name: value for name, value in asdict(bills.total).items() if name != "group"}
    return {"items": [asdict(bill) for bill in bills.groups], "complete": not bills.cut, **total}


def _begin(now_us: int, last: str | None, since_us: int | None) -> int | None:
    """The later of two beginnings: `last` such as 7d before now, and `since_us`."""
    begins = [since_us, now_us - int(last[:-1]) * UNITS_US[last[-1]] if last else None]
    return max((begin for begin in begins if begin is not None), default=None)


async def _of_one(parts: Parts, caller: Caller, text: str) -> Response:
    execution = await resolved(parts, caller, text)
    doc: dict[str, Any] = orjson.loads(priced(await document(parts, caller, execution)))
    lines = await parts.queries.charges(caller.account, execution)
    return answer(
        {
            "execution": execution,
            "status": doc["status"],
            "cost": doc["cost"],
            "items": [asdict(line) for line in lines],
            "charged_micros": sum(line.charged_micros for line in lines),
            "equivalent_micros": sum(line.equivalent_micros for line in lines),
            "currency": CURRENCY,
        }
    )
