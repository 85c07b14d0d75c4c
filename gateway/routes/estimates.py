"""What runs may take and cost, before anything is submitted: asked, not done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from domain import prices
from domain.environment.lookup import NOT_BUILT
from domain.errors import Unavailable
from domain.execution.job import Job
from domain.files import FileRef
from domain.forecast import Durations, Forecast, forecast
from domain.node.offer import Offer
from gateway.batch_schemas import EstimateBody
from gateway.described import COUNT, TEXT, errors, shape
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import answer
from gateway.routes.submit import SHA_EXAMPLE, limits_of
from services.runtime.environments import built_lately
from services.runtime.environments import expected as expected_environment
from services.runtime.messages import BlobRef

router = APIRouter(tags=["cost"])
OBJECT = {"type": "object"}
FORECAST = {
    "count": COUNT,
    "seconds_each": OBJECT,
    "wall_seconds": OBJECT,
    "slots": COUNT,
    "node_types": {"type": "array", "items": TEXT},
    "cost_micros": OBJECT,
    "equivalent_micros": OBJECT,
    "price_version": TEXT,
    "stored": OBJECT,
    "environment": {"type": ["object", "null"]},
}
EXAMPLE = {
    "count": 500,
    "seconds_each": {
        "low": 0.4,
        "typical": 0.5,
        "high": 0.9,
        "basis": "history",
        "runs": 40,
        "note": "From 40 earlier runs of this script.",
    },
    "wall_seconds": {"low": 118.0, "high": 160.0},
    "slots": 2,
    "node_types": ["local"],
    "cost_micros": {"low": 0, "high": 0},
    "equivalent_micros": {"low": 210, "high": 290},
    "price_version": prices.VERSION,
    "stored": {"blobs": 480, "size_bytes": 9_400_000},
    "environment": {
        "built": True,
        "reason": "6 packages of requirements.txt, built before",
        "packages": 6,
        "build_ms": 11_800,
        "nodes": ["local-1"],
    },
}
ASKED_EXAMPLE = {"script": {"path": "wordcount.py", "sha256": SHA_EXAMPLE}, "runtime": "python", "count": 500}


@router.post(
    "/estimates",
    response_class=Response,
    responses={200: shape("Ranges, and what they stand on.", FORECAST, EXAMPLE), **errors(413)},
    openapi_extra={"requestBody": {"content": {"application/json": {"example": ASKED_EXAMPLE}}}},
)
async def estimate(parts: PartsDep, caller: CallerDep, body: EstimateBody) -> Response:
    """How long `count` runs of a script may take and what they may cost, out of its earlier runs or an assumption."""
    nodes = await _nodes(parts, body.runtime)
    ran = await parts.queries.durations(caller.account, body.script.sha256)
    history = Durations(ran.p10, ran.p50, ran.p90, ran.runs) if ran else None
    limits = await limits_of(parts, body.limits)
    expected = forecast(body.count, limits, nodes, history, body.parallel)
    types = sorted({node.node_type for node in nodes}) or [parts.settings.node_type]
    stored = await _stored(parts, caller.account, [BlobRef(each.sha256, each.size_bytes) for each in body.blobs])
    about = {"node_types": types, "stored": stored, "environment": await _environment(parts, caller.account, body)}
    return answer({"count": body.count, **_shown(expected), **about})


async def _environment(parts: Parts, account: str, body: EstimateBody) -> dict[str, Any] | None:
    """Whether its packages are there already; else how many they are, and what it took to build them before, or those of the
    script's last run, where that is known."""
    if body.environment is None:
        return None
    packages = body.environment.environment()
    script = FileRef(body.script.path, body.script.sha256, 0)
    job = Job(body.runtime, script, environment=packages, interpreter=body.interpreter, image=body.image)
    try:
        found = await expected_environment(parts.queries, account, job)
        like = found.made or await built_lately(parts.queries, account, job)
    except Unavailable:
        return None
    said, made = found.said or NOT_BUILT, found.made
    locked = await parts.locks.readable(parts.store, account, packages.kind, packages.lock.sha256)
    return {
        "built": said.result == "hit",
        "reason": said.reason,
        "packages": made.packages if made else (len(locked) if locked is not None else None),
        "build_ms": like.build_ms if like else None,
        "nodes": list(made.nodes) if made and made.good else [],
    }


async def _nodes(parts: Parts, runtime: str) -> list[Offer]:
    """What the nodes offer that have the runtime; none while nobody can tell."""
    try:
        joined = await parts.queries.nodes_joined()
    except Unavailable:
        return []
    return [node.offer for node in joined.values() if runtime in node.offer.runtimes]


async def _stored(parts: Parts, account: str, blobs: list[BlobRef]) -> dict[str, int]:
    wanted = {blob.sha256: blob for blob in blobs}
    missing = {blob.sha256 for blob in await parts.store.missing(account, blobs)}
    there = [blob.size_bytes for sha256, blob in wanted.items() if sha256 not in missing]
    return {"blobs": len(there), "size_bytes": sum(there)}


def _shown(expected: Forecast) -> dict[str, Any]:
    each = expected.each
    return {
        "seconds_each": {name: getattr(each, name) for name in each.__slots__},
        "wall_seconds": _range(expected.wall_seconds),
        "slots": expected.slots,
        "cost_micros": _range(expected.cost_micros),
        "equivalent_micros": _range(expected.equivalent_micros),
        "price_version": prices.VERSION,
    }


def _range(bounds: tuple[float, float]) -> dict[str, float]:
    return {"low": bounds[0], "high": bounds[1]}
