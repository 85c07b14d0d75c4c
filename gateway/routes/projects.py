"""The projects of the account, and how long each keeps the files and logs of what has ended."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from domain.account.commands import SetRetention
from gateway.described import COUNT, TEXT, errors, shape
from gateway.fields import NAME_CHARS_MAX, PROJECT_NAME
from gateway.idempotency import IdempotencyKey, command_id
from gateway.parts import CallerDep, PartsDep
from gateway.reading import MinSeq, answer, fresh
from gateway.schemas import ProjectBody
from projections.project_queries import Project
from services.runtime.log import Ref

router = APIRouter(tags=["projects"])
ProjectName = Annotated[str, Path(pattern=PROJECT_NAME, max_length=NAME_CHARS_MAX, examples=["thesis"])]
PROJECT = {"name": TEXT, "retention_days": COUNT, "default": {"type": "boolean"}}
EXAMPLE = {"name": "thesis", "retention_days": 90, "default": False}


@router.get(
    "/projects",
    response_class=Response,
    responses={
        200: shape(
            "By name: all that something ran in, or that somebody said something about.",
            {"items": {"type": "array", "items": {"type": "object"}}},
            {"items": [EXAMPLE]},
        ),
        **errors(409),
    },
)
async def listed(parts: PartsDep, caller: CallerDep, min_seq: MinSeq = None) -> Response:
    """The projects, each with the days that it keeps files and logs for; `default`: nobody said so."""
    await fresh(parts, min_seq)
    return answer({"items": [_plain(each) for each in await parts.queries.projects(caller.account)]})


@router.get("/projects/{name}", response_class=Response, responses={200: shape("It.", PROJECT, EXAMPLE), **errors(409)})
async def one(parts: PartsDep, caller: CallerDep, name: ProjectName, min_seq: MinSeq = None) -> Response:
    """One project; one that nothing ran in yet has the default."""
    await fresh(parts, min_seq)
    return answer(_plain(await parts.queries.project(caller.account, name)))


@router.put(
    "/projects/{name}",
    response_class=Response,
    responses={
        200: shape("It is in the log.", {**PROJECT, "sequence": COUNT}, {**EXAMPLE, "sequence": 12}),
        **errors(409, 413),
    },
)
async def put(
    parts: PartsDep, caller: CallerDep, name: ProjectName, body: ProjectBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Say how long its files are kept, counted from the end of each execution; of what has ended already, too."""
    handled = await parts.handler.handle(
        Ref(caller.account, "account", caller.account),
        SetRetention(name, body.retention_days),
        command_id=command_id("SetRetention", idempotency_key, caller.key_id, name, str(body.retention_days)),
        actor=caller.actor,
    )
    return answer({**_plain(Project(name, body.retention_days, True)), "sequence": handled.position})


def _plain(project: Project) -> dict[str, Any]:
    return {"name": project.name, "retention_days": project.days, "default": not project.said}
