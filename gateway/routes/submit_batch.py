"""Submit a batch: check its list of members and that every file is stored, then append the one event that makes them all."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from domain.batch.commands import SubmitBatch
from domain.batch.events import MemberList
from domain.errors import Invalid
from domain.execution.job import Limits
from domain.files import FileSet
from domain.ids import id_from
from gateway.batch_schemas import BatchBody
from gateway.described import COUNT, TEXT, errors, shape
from gateway.idempotency import IdempotencyKey, key_or_random
from gateway.lock import check_lock
from gateway.member_list import checked_members
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import answer
from gateway.routes.submit import SHA_EXAMPLE, fingerprint, limits_of
from gateway.stored import blobs_of, check_blobs, check_files
from services.runtime.log import Ref
from services.runtime.messages import BlobRef
from services.runtime.plain import to_json

router = APIRouter(tags=["batches"])

EXAMPLE = {
    "script": {"path": "wordcount.py", "sha256": SHA_EXAMPLE, "size_bytes": 0},
    "runtime": "python",
    "members": {"sha256": SHA_EXAMPLE, "size_bytes": 52_000, "count": 500},
    "parallel": 20,
}
HISTORY_BYTES_MAX = 4 * 1024**3
"""Every member is an event of its own, with all that is run."""
SUBMITTED = {"id": TEXT, "sequence": COUNT, "created": {"type": "boolean"}, "count": COUNT}
SUBMITTED_EXAMPLE = {"id": "batch_7f3k2m9q4d1t", "sequence": 41, "created": True, "count": 500}


@router.post(
    "/batches",
    status_code=201,
    response_class=Response,
    responses={
        201: shape("It is in the log: all members will be.", SUBMITTED, SUBMITTED_EXAMPLE),
        200: shape("This very request was made before.", SUBMITTED, {**SUBMITTED_EXAMPLE, "created": False}),
        **errors(409, 413),
    },
    openapi_extra={"requestBody": {"content": {"application/json": {"example": EXAMPLE}}}},
)
async def submit(
    parts: PartsDep, caller: CallerDep, body: BatchBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Run a script once for every member of a stored list: all of them or, when anything is wrong with it, none."""
    batch = id_from("batch", caller.account, key_or_random(idempotency_key))
    ref = Ref(caller.account, "batch", batch)
    versions: Mapping[str, int] = {}
    if (await parts.handler.state(ref))[1] == 0:  # what was accepted before is not held against what is stored now
        await _check(parts, caller.account, body)
        versions = await parts.vault.versions(caller.account, [each.name for each in body.secrets])
    handled = await parts.handler.handle(
        ref,
        _command(body, await limits_of(parts, body.limits), versions),
        command_id=id_from("cmd", "submit", batch, fingerprint(body)),
        actor=caller.actor,
    )
    created = bool(handled.events)
    done = {"id": batch, "sequence": handled.position, "created": created, "count": body.members.count}
    return answer(done, 201 if created else 200)


async def _check(parts: Parts, account: str, body: BatchBody) -> None:
    """Raises Conflict (BLOBS_MISSING), Invalid."""
    _check_size(body)
    listed = BlobRef(body.members.sha256, body.members.size_bytes)
    await check_blobs(parts.store, account, [listed])
    shared = await check_files(parts.store, account, body.script.ref(), body.shared.file_set())
    await check_lock(parts, account, body.environment)
    beside = [body.script.path, *(each.path for each in shared)]
    async with parts.manifests.room:
        files = await checked_members(parts.store, account, body.members, body.args, beside)
    await check_blobs(parts.store, account, blobs_of(files))


def _check_size(body: BatchBody) -> None:
    """Raises Invalid (TOO_LARGE) when the history would hold what all members share so often that a disk is full of it."""
    job = body.job(FileSet(), body.shared.file_set(), body.limits.limits())
    size_bytes = len(to_json(job))
    if size_bytes * body.members.count > HISTORY_BYTES_MAX:
        message = (
            f"What the members have in common takes {size_bytes:,} bytes for each of {body.members.count:,} in the log. Put"
            " shared files into a manifest, long arguments into a file, or make several batches."
        )
        raise Invalid(message, code="TOO_LARGE")


def _command(body: BatchBody, limits: Limits, versions: Mapping[str, int]) -> SubmitBatch:
    return SubmitBatch(
        MemberList(body.members.sha256, body.members.size_bytes, body.members.count),
        body.job(FileSet(), body.shared.file_set(), limits, versions),
        fingerprint(body),
        body.name,
        body.project,
        dict(body.tags),
        body.priority,
        body.parallel,
        body.failures_max,
        body.memoize,
    )
