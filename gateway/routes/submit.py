"""Submit a script: check that its files are stored, then append its first event."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from domain.errors import Conflict, Invalid, Unavailable
from domain.execution.commands import SubmitExecution
from domain.execution.job import Job, Limits
from domain.ids import id_from
from gateway.auth import Caller
from gateway.described import COUNT, TEXT, errors, shape
from gateway.idempotency import IdempotencyKey, key_or_random
from gateway.inputs import listed_inputs
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import answer
from gateway.schemas import MEMORY_BYTES_MIN, SubmitBody
from services.runtime.log import Ref
from services.runtime.messages import BlobRef

router = APIRouter(tags=["executions"])

WRONG_SHOWN = 10
SHA_EXAMPLE = hashlib.sha256(b"").hexdigest()
SUBMIT_EXAMPLE = {
    "script": {"path": "wordcount.py", "sha256": SHA_EXAMPLE, "size_bytes": 0},
    "runtime": "python",
    "args": ["books/alice.txt"],
    "tags": {"team": "research"},
}
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
    await _check_blobs(parts, caller, body)
    execution = id_from("exec", caller.account, key_or_random(idempotency_key))
    handled = await parts.handler.handle(
        Ref(caller.account, "execution", execution),
        _command(body, await _limits(parts, body)),
        command_id=id_from("cmd", "submit", execution, _fingerprint(body)),
        actor=caller.actor,
    )
    created = bool(handled.events)
    return answer({"id": execution, "sequence": handled.position, "created": created}, 201 if created else 200)


async def _limits(parts: Parts, body: SubmitBody) -> Limits:
    """Who did not ask for memory gets the default, or all of the largest node where that is less: never TOO_LARGE."""
    limits = body.limits.limits()
    if "memory_bytes" in body.limits.model_fields_set:
        return limits
    with contextlib.suppress(Unavailable):
        most = max((node.offer.memory_bytes for node in (await parts.queries.nodes_joined()).values()), default=0)
        if most >= MEMORY_BYTES_MIN:
            return replace(limits, memory_bytes=min(limits.memory_bytes, most))
    return limits


def _command(body: SubmitBody, limits: Limits) -> SubmitExecution:
    job = Job(
        runtime=body.runtime,
        script=body.script.ref(),
        args=tuple(body.args),
        inputs=body.input_set(),
        env=dict(body.env),
        limits=limits,
        network=body.network,
        retries=body.retries,
    )
    return SubmitExecution(job, _fingerprint(body), body.name, body.project, dict(body.tags), body.priority)


def _fingerprint(body: SubmitBody) -> str:
    """Of the whole request in canonical form: sorted keys, defaults filled in."""
    canonical = orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


async def _check_blobs(parts: Parts, caller: Caller, body: SubmitBody) -> None:
    """Raises Conflict (BLOBS_MISSING), naming what must be uploaded first, and Invalid (SIZE_MISMATCH)."""
    files = [body.script.ref(), *body.input_set().entries]
    sized = [BlobRef(each.sha256, each.size_bytes) for each in files]
    wanted = list(sized)
    if body.inputs_manifest is not None:
        wanted.append(BlobRef(body.inputs_manifest, 0))
    missing = await parts.store.missing(caller.account, wanted)
    if not missing and body.inputs_manifest is not None:
        listed = await listed_inputs(parts.store, caller.account, body)
        missing = await parts.store.missing(caller.account, listed)
        sized += listed
    if missing:
        message = (
            f"{len(missing)} of the files are not stored yet. Upload them first: POST /api/v1/blobs gives the URLs."
        )
        raise Conflict(message, code="BLOBS_MISSING", details={"missing": [blob.sha256 for blob in missing]})
    if wrong := await parts.store.of_other_size(caller.account, sized):
        named = ", ".join(f"{blob.sha256[:12]}… ({blob.size_bytes:,})" for blob in wrong[:WRONG_SHOWN])
        message = f"{len(wrong)} of the files have another size than the request says: {named}."
        raise Invalid(message, code="SIZE_MISMATCH", details={"sha256": [blob.sha256 for blob in wrong[:WRONG_SHOWN]]})
