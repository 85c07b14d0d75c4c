"""The history of an execution as it stands in the log, and what it says about where the time went."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.catalog import TYPE_NAMES
from domain.errors import NotFound
from gateway.auth import Caller
from gateway.described import TEXT, errors, shape
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.phases import explained
from gateway.reading import SEQUENCE_MAX, ExecutionId, answer, resolved
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


@router.get(
    "/executions/{execution_id}/events",
    response_class=Response,
    responses={
        200: shape(
            "In the order of the log.",
            {"items": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}},
            {"items": [EVENT_EXAMPLE], "next_cursor": None},
        ),
        **errors(404),
    },
)
async def events(
    parts: PartsDep,
    caller: CallerDep,
    execution_id: ExecutionId,
    cursor: Annotated[int, Query(ge=0, le=SEQUENCE_MAX, description="next_cursor of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 200,
) -> Response:
    """Every event of the execution and of its bill."""
    _, commits = await _history(parts, caller, execution_id)
    after = [each for each in commits if each.position > cursor]
    page = after[:limit]
    items = [item for each in page for item in _items(each)]
    return answer({"items": items, "next_cursor": str(page[-1].position) if len(after) > limit else None})


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
            },
            cache={"type": ["object", "null"]},
            waiting={"type": ["object", "null"]},
        ),
        **errors(404),
    },
)
async def why(parts: PartsDep, caller: CallerDep, execution_id: ExecutionId) -> Response:
    """Where the time went, why a cache missed, why it waits."""
    execution, commits = await _history(parts, caller, execution_id)
    return answer({"id": execution, **explained(commits)})


async def _history(parts: Parts, caller: Caller, text: str) -> tuple[str, list[Recorded]]:
    """Full id and all commits about the execution, those of its bill merged in. Raises NotFound."""
    execution = await resolved(parts, caller, text)
    history = await parts.log.load(Ref(caller.account, "execution", execution))
    if not history.commits:
        raise NotFound("There is no such execution.", details={"id": execution})
    cost = await parts.log.load(Ref(caller.account, "cost", execution))
    return execution, sorted([*history.commits, *cost.commits], key=lambda each: each.position)


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
