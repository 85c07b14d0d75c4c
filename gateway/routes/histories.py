"""The history of an execution or a batch as it stands in the log, and what it says about where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.catalog import TYPE_NAMES
from domain.errors import NotFound
from gateway.auth import Caller
from gateway.batch_reading import BatchId, resolved_batch
from gateway.described import TEXT, errors, shape
from gateway.environment import environment_parts
from gateway.memo import memo
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.phases import explained
from gateway.reading import SEQUENCE_MAX, ExecutionId, answer, resolved
from gateway.routes.executions import PAGE
from projections.execution_doc import iso
from services.runtime.log import Recorded, Ref
from services.runtime.plain import to_plain

router = APIRouter(tags=["history"])
EVENTS_MAX = 1000
EVENT_EXAMPLE = {
    "sequence": 41,
    "type": "execution.submitted",
    "at": "2026-11-20T14:02:00.000Z",
    "data": {"name": "", "project": "default"},
    "command_id": "cmd_0123456789ab",
    "actor": "key:9f2c81aa",
}

ENVIRONMENT_EXAMPLE = {
    "kind": "python",
    "source": "requirements.txt",
    "lock": "9a10…",
    "builds": False,
    "packages": 6,
    "interpreter": "3.11",
    "image": None,
    "made": [{"id": "env_0123…", "status": "good", "interpreter": "cpython 3.11.7", "platform": "linux-x86_64"}],
}
MEMO_EXAMPLE = {
    "key": "b4c1…",
    "parts": {"script": "02d1…", "environment": "4f53…", "inputs": "9a10…", "arguments": "77c0…", "settings": "e0b1…"},
    "result": "miss",
    "reason": "no earlier run has this key",
    "reused_from": None,
    "differs": ["arguments"],
}
EVENTS = shape("In the order of the log.", PAGE, {"items": [EVENT_EXAMPLE], "next_cursor": None})
Cursor = Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="next_cursor of the page before.")]
Limit = Annotated[int, Query(ge=1, le=EVENTS_MAX)]


@router.get("/executions/{execution_id}/events", response_class=Response, responses={200: EVENTS, **errors(404)})
async def events(
    parts: PartsDep, caller: CallerDep, execution_id: ExecutionId, cursor: Cursor = 0, limit: Limit = 200
) -> Response:
    """Every event of the execution and of its bill."""
    _, commits = await _history(parts, caller, execution_id)
    return _page(commits, cursor, limit)


@router.get("/batches/{batch_id}/events", response_class=Response, responses={200: EVENTS, **errors(404)})
async def batch_events(
    parts: PartsDep, caller: CallerDep, batch_id: BatchId, cursor: Cursor = 0, limit: Limit = 200
) -> Response:
    """Every event of the batch itself; what became of its members stands in their own histories."""
    batch = await resolved_batch(parts, caller, batch_id)
    history = await parts.log.load(Ref(caller.account, "batch", batch))
    if not history.commits:
        raise NotFound("There is no such batch.", details={"id": batch})
    return _page(history.commits, cursor, limit)


@router.get(
    "/executions/{execution_id}/why",
    response_class=Response,
    responses={
        200: shape(
            "Phases in order, what the caches said, why it waits (null: it does not).",
            {"id": TEXT, "phases": {"type": "array", "items": {"type": "object"}}},
            {
                "id": "exec_7f3k2m9q4d1t",
                "phases": [{"name": "queued", "attempt": 1, "from": "…", "to": "…", "ms": 4}],
                "cache": {"script": {"result": "hit", "reason": "this account ran it before"}},
                "waiting": None,
                "environment": ENVIRONMENT_EXAMPLE,
                "memo": MEMO_EXAMPLE,
            },
            cache={"type": ["object", "null"]},
            waiting={"type": ["object", "null"]},
            memo={"type": "object"},
            environment={"type": ["object", "null"]},
        ),
        **errors(404),
    },
)
async def why(parts: PartsDep, caller: CallerDep, execution_id: ExecutionId) -> Response:
    """Where the time went, why a cache missed, why it waits, why an earlier run did or did not serve."""
    execution, commits = await _history(parts, caller, execution_id)
    own = [each for each in commits if each.commit.ref.aggregate == "execution"]
    about = {"environment": await environment_parts(parts, caller, own), "memo": await memo(parts, caller, own)}
    return answer({"id": execution, **explained(commits), **about})


async def _history(parts: Parts, caller: Caller, text: str) -> tuple[str, list[Recorded]]:
    """Full id and all commits about the execution, those of its bill merged in. Raises NotFound."""
    execution = await resolved(parts, caller, text)
    history = await parts.log.load(Ref(caller.account, "execution", execution))
    if not history.commits:
        raise NotFound("There is no such execution.", details={"id": execution})
    cost = await parts.log.load(Ref(caller.account, "cost", execution))
    return execution, sorted([*history.commits, *cost.commits], key=lambda each: each.position)


def _page(commits: Sequence[Recorded], cursor: int, limit: int) -> Response:
    after = [each for each in commits if each.position > cursor]
    page = after[:limit]
    items = [item for each in page for item in _items(each)]
    return answer({"items": items, "next_cursor": str(page[-1].position) if len(after) > limit else None})


def _items(recorded: Recorded) -> list[dict[str, Any]]:
    commit = recorded.commit
    return [
        {
            "sequence": recorded.position,
            "type": TYPE_NAMES[type(event)],
            "at": iso(commit.at_us),
            "data": to_plain(event),
            "command_id": commit.command_id,
            "actor": commit.actor,
            "cause": commit.cause,
        }
        for event in commit.events
    ]
