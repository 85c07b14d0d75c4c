"""The secrets of the account: list their names, set one, remove one. A value goes in and never comes out again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from domain.secret import NAME_CHARS_MAX, NAME_PATTERN
from gateway.described import COUNT, TEXT, errors, shape
from gateway.parts import CallerDep, PartsDep
from gateway.reading import MinSeq, answer, fresh
from gateway.schemas import SecretValueBody
from projections.execution_doc import iso
from projections.secret_queries import SecretRow

router = APIRouter(tags=["secrets"])
SecretPath = Annotated[str, Path(pattern=NAME_PATTERN, max_length=NAME_CHARS_MAX, examples=["API_TOKEN"])]
ITEM = {"name": "API_TOKEN", "version": 3, "set_at": "2026-11-20T14:02:00.000Z", "set_by": "key:9f2c81aa"}
SET = {"name": TEXT, "version": COUNT, "sequence": COUNT}


@router.get(
    "/secrets",
    response_class=Response,
    responses={
        200: shape(
            "By name. Nobody is shown a value.",
            {"items": {"type": "array", "items": {"type": "object"}}},
            {"items": [ITEM]},
        ),
        **errors(409),
    },
)
async def listed(parts: PartsDep, caller: CallerDep, min_seq: MinSeq = None) -> Response:
    """The names of the secrets, with the version of each, since when, and who set it."""
    await fresh(parts, min_seq)
    return answer({"items": [_plain(row) for row in await parts.queries.secrets(caller.account)]})


@router.put(
    "/secrets/{name}",
    response_class=Response,
    responses={
        200: shape(
            "It is stored, sealed.",
            SET,
            {"name": "API_TOKEN", "version": 3, "sequence": 12, "changed": True},
            changed={"type": "boolean"},
        ),
        **errors(409, 413),
    },
)
async def put(parts: PartsDep, caller: CallerDep, name: SecretPath, body: SecretValueBody) -> Response:
    """Give a secret its value; runs that begin from now on get this one. The value that it has already changes nothing."""
    version, handled = await parts.vault.set(caller.account, name, body.content(), caller.actor)
    done = {"name": name, "version": version, "sequence": handled.position, "changed": bool(handled.events)}
    return answer(done)


@router.delete(
    "/secrets/{name}",
    response_class=Response,
    responses={
        200: shape("Its value is gone.", {"name": TEXT, "sequence": COUNT}, {"name": "API_TOKEN", "sequence": 13}),
        **errors(404, 409),
    },
)
async def remove(parts: PartsDep, caller: CallerDep, name: SecretPath) -> Response:
    """Remove a secret: runs that have begun keep it, those that have not will not begin."""
    handled = await parts.vault.remove(caller.account, name, caller.actor)
    return answer({"name": name, "sequence": handled.position})


def _plain(row: SecretRow) -> dict[str, Any]:
    return {"name": row.name, "version": row.version, "set_at": iso(row.set_at_us), "set_by": row.set_by}
