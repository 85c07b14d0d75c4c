"""Submit a script: check that its files are stored, then append its first event."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from domain.errors import Unavailable
from domain.execution.commands import SubmitExecution
from domain.execution.job import Limits
from domain.files import FileSet
from domain.ids import id_from
from gateway.described import COUNT, TEXT, errors, shape
from gateway.fields import MEMORY_BYTES_MIN
from gateway.idempotency import IdempotencyKey, key_or_random
from gateway.job_schemas import JobBody, SubmitBody
from gateway.lock import check_lock
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import answer
from gateway.schemas import LimitsBody
from gateway.stored import check_files
from services.runtime.log import Ref

router = APIRouter(tags=["executions"])

SHA_EXAMPLE = hashlib.sha256(b"").hexdigest()
SUBMIT_EXAMPLE = {
    "script": {"path": "wordcount.py", "sha256": SHA_EXAMPLE, "size_bytes": 0},
    "runtime": "python",
    "args": ["books/alice.txt"],
    "tags": {"team": "research"},
}
LATER = ("memoize", "environment", "interpreter", "image", "secrets", "cold")
"""Fields that came later than the first version; none of them has a default that says anything."""
SUBMITTED = {"id": TEXT, "sequence": COUNT, "created": {"type": "boolean"}}
SUBMITTED_EXAMPLE = {"id": "exec_7f3k2m9q4d1t", "sequence": 41, "created": True}


@router.post(
    "/executions",
    status_code=201,
    response_class=Response,
    responses={
        201: shape("It is in the log.", SUBMITTED, SUBMITTED_EXAMPLE),
        200: shape("This very request was made before.", SUBMITTED, {**SUBMITTED_EXAMPLE, "created": False}),
        **errors(409, 413),
    },
    openapi_extra={"requestBody": {"content": {"application/json": {"example": SUBMIT_EXAMPLE}}}},
)
async def submit(
    parts: PartsDep,
    caller: CallerDep,
    body: SubmitBody,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Submit a script. With an Idempotency-Key the same request may be repeated; it is the same execution."""
    execution = id_from("exec", caller.account, key_or_random(idempotency_key))
    ref = Ref(caller.account, "execution", execution)
    versions: Mapping[str, int] = {}
    if (await parts.handler.state(ref))[1] == 0:  # what was accepted before is not held against what is stored now
        await check_files(parts.store, caller.account, body.script.ref(), body.input_set())
        await check_lock(parts, caller.account, body.environment)
        versions = await parts.vault.versions(caller.account, [each.name for each in body.secrets])
    handled = await parts.handler.handle(
        ref,
        _command(body, await limits_of(parts, body.limits), versions),
        command_id=id_from("cmd", "submit", execution, fingerprint(body)),
        actor=caller.actor,
    )
    created = bool(handled.events)
    return answer({"id": execution, "sequence": handled.position, "created": created}, 201 if created else 200)


async def limits_of(parts: Parts, body: LimitsBody) -> Limits:
    """Who did not ask for memory gets the default, or all of the largest node where that is less: never TOO_LARGE."""
    limits = body.limits()
    if "memory_bytes" in body.model_fields_set:
        return limits
    with contextlib.suppress(Unavailable):
        most = max((node.offer.memory_bytes for node in (await parts.queries.nodes_joined()).values()), default=0)
        if most >= MEMORY_BYTES_MIN:
            return replace(limits, memory_bytes=min(limits.memory_bytes, most))
    return limits


def _command(body: SubmitBody, limits: Limits, versions: Mapping[str, int]) -> SubmitExecution:
    job = body.job(body.input_set(), FileSet(), limits, versions)
    about = (body.name, body.project, dict(body.tags), body.priority)
    return SubmitExecution(job, fingerprint(body), *about, memoize=body.memoize)


def fingerprint(body: JobBody) -> str:
    """Of the whole request in canonical form: sorted keys, defaults filled in.

    A field that came later is left out while it has its default: a request of an earlier time keeps its fingerprint.
    """
    plain = {name: value for name, value in body.model_dump(mode="json").items() if value or name not in LATER}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()
