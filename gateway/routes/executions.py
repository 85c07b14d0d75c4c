"""Executions: submit, list, look at, wait for."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from domain.errors import Conflict, Unavailable
from domain.execution.commands import SubmitExecution
from domain.execution.job import Job, Limits
from domain.ids import id_from
from gateway.auth import Caller
from gateway.described import COUNT, TEXT, errors, shape
from gateway.inputs import listed_inputs
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import (
    ExecutionId,
    Instant,
    MinSeq,
    answer,
    document,
    fresh,
    json_response,
    micros_of,
    priced,
    resolved,
)
from gateway.schemas import MEMORY_BYTES_MIN, NAME_CHARS_MAX, TAG_CHARS_MAX, TAG_NAME_CHARS_MAX, TAGS_MAX, SubmitBody
from gateway.stream.story import Story
from projections.listing import PAGE_MAX, Filters
from services.runtime.log import Ref
from services.runtime.messages import BlobRef

router = APIRouter(tags=["executions"])
WAIT_SECONDS_MAX = 60.0
WAIT_SECONDS_DEFAULT = 25.0
CHECK_SECONDS = 5.0
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,200}$"
STATUSES = r"^(queued|provisioning|running|succeeded|failed|cancelled|timed_out|lost)$"
TAG = r"^[^=\x00-\x1f\x7f]+=[^\x00-\x1f\x7f]*$"

SHA_EXAMPLE = hashlib.sha256(b"").hexdigest()
SUBMIT_EXAMPLE = {
    "script": {"path": "wordcount.py", "sha256": SHA_EXAMPLE, "size_bytes": 0},
    "runtime": "python",
    "args": ["books/alice.txt"],
    "tags": {"team": "research"},
}
SUBMITTED = {"id": TEXT, "sequence": COUNT, "created": {"type": "boolean"}}
SUBMITTED_EXAMPLE = {"id": "exec_7f3k2m9q4d1t", "sequence": 41, "created": True}
DOC = {"id": TEXT, "status": TEXT, "sequence": COUNT, "cost": {"type": "object"}, "schema_version": COUNT}
DOC_EXAMPLE = {
    "schema_version": 1,
    "id": "exec_7f3k2m9q4d1t",
    "status": "succeeded",
    "exit_code": 0,
    "sequence": 47,
    "cost": {"estimated_micros": 0, "final_micros": 0, "currency": "EUR"},
}
PAGE = {"items": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}}


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
    idempotency_key: Annotated[str | None, Header(pattern=IDEMPOTENCY_KEY)] = None,
) -> Response:
    """Submit a script. With an Idempotency-Key the same request may be repeated; it is the same execution."""
    await _check_blobs(parts, caller, body)
    key = idempotency_key or secrets.token_hex(16)
    execution = id_from("exec", caller.account, key)
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
    """Raises Conflict (BLOBS_MISSING), naming what must be uploaded first."""
    files = [body.script.ref(), *body.input_set().entries]
    wanted = [BlobRef(each.sha256, each.size_bytes) for each in files]
    if body.inputs_manifest is not None:
        wanted.append(BlobRef(body.inputs_manifest, 0))
    missing = await parts.store.missing(caller.account, wanted)
    if not missing and body.inputs_manifest is not None:
        listed = await listed_inputs(parts.store, caller.account, body)
        missing = await parts.store.missing(caller.account, listed)
    if missing:
        message = (
            f"{len(missing)} of the files are not stored yet. Upload them first: POST /api/v1/blobs gives the URLs."
        )
        raise Conflict(message, code="BLOBS_MISSING", details={"missing": [blob.sha256 for blob in missing]})


@router.get(
    "/executions",
    response_class=Response,
    responses={200: shape("Newest first.", PAGE, {"items": [DOC_EXAMPLE], "next_cursor": None}), **errors(409)},
)
async def listed(
    parts: PartsDep,
    caller: CallerDep,
    status: Annotated[list[Annotated[str, Query(pattern=STATUSES)]] | None, Query(max_length=8)] = None,
    project: Annotated[str | None, Query(max_length=NAME_CHARS_MAX)] = None,
    tag: Annotated[
        list[Annotated[str, Query(max_length=TAG_NAME_CHARS_MAX + TAG_CHARS_MAX + 1, pattern=TAG)]] | None,
        Query(max_length=TAGS_MAX, description="k=v, may be repeated; all must match."),
    ] = None,
    name: Annotated[str | None, Query(max_length=NAME_CHARS_MAX)] = None,
    script: Annotated[str | None, Query(max_length=4096)] = None,
    since: Instant | None = None,
    until: Instant | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    min_seq: MinSeq = None,
) -> Response:
    """A page of executions, filtered; all filters must match."""
    await fresh(parts, min_seq)
    filters = Filters(
        status=tuple(status) if status else None,
        project=project,
        tags=dict(each.split("=", 1) for each in tag or ()),
        name=name,
        script=script,
        since_us=micros_of(since),
        until_us=micros_of(until),
    )
    page = await parts.queries.list_executions(caller.account, filters, cursor=cursor, limit=limit)
    page.items[:] = [priced(doc) for doc in page.items]
    return json_response(page.body())


@router.get(
    "/executions/{execution_id}",
    response_class=Response,
    responses={200: shape("How it stands.", DOC, DOC_EXAMPLE), **errors(404, 409)},
)
async def one(parts: PartsDep, caller: CallerDep, execution_id: ExecutionId, min_seq: MinSeq = None) -> Response:
    """One execution."""
    await fresh(parts, min_seq)
    execution = await resolved(parts, caller, execution_id)
    return json_response(priced(await document(parts, caller, execution)))


@router.get(
    "/executions/{execution_id}/wait",
    response_class=Response,
    responses={200: shape("It ended (X-Ended: true), or the time is up.", DOC, DOC_EXAMPLE), **errors(404, 409)},
)
async def wait(
    parts: PartsDep,
    caller: CallerDep,
    execution_id: ExecutionId,
    timeout_s: Annotated[float, Query(ge=0, le=WAIT_SECONDS_MAX, allow_inf_nan=False)] = WAIT_SECONDS_DEFAULT,
) -> Response:
    """Wait until it has ended, at most `timeout_s`; the answer is the execution either way."""
    execution = await resolved(parts, caller, execution_id)
    ended, position = await _wait_for_end(parts, caller, execution, timeout_s)
    await fresh(parts, position)
    doc = priced(await document(parts, caller, execution))
    return json_response(doc, headers={"X-Ended": "true" if ended else "false"})


async def _wait_for_end(parts: Parts, caller: Caller, execution: str, timeout: float) -> tuple[bool, int]:
    """Whether it has ended, and how far its log was read; woken by its commits."""
    deadline = time.monotonic() + timeout
    live = await parts.chunks.follow(caller.account, execution, chunks=False)
    try:
        story = Story(parts.log, caller.account, execution)
        await story.begin()
        while story.finished is None and (left := deadline - time.monotonic()) > 0:
            await live.wait(min(left, CHECK_SECONDS))
            heard, live.heard = live.heard, {}
            await story.news(heard or {"execution": set()})
        return story.finished is not None, story.position
    finally:
        await live.close()
