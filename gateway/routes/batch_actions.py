"""What can be done with a whole batch: cancel it, run again those of its members that ended in some way."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from domain.batch.commands import CancelBatch, RetryBatch
from domain.batch.decider import Batch
from domain.errors import Invalid, NotFound, WrongState
from gateway.batch_reading import BatchId, batch_document, resolved_batch
from gateway.batch_schemas import RetryBody
from gateway.described import COUNT, TEXT, errors, shape
from gateway.idempotency import IdempotencyKey, command_id
from gateway.kept import check_members
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import WAIT_SECONDS_MAX, answer
from gateway.stored import blobs_of, check_blobs
from projections.batch_service_queries import OPEN
from services.runtime.log import Ref

router = APIRouter(tags=["batches"])
NAMED_MAX = 20
CANCELLED = {"id": TEXT, "sequence": COUNT, "status": TEXT, "cancelling": {"type": "boolean"}}
CANCELLED_EXAMPLE = {"id": "batch_7f3k2m9q4d1t", "sequence": 1052, "status": "running", "cancelling": True}
RETRIED = {"id": TEXT, "sequence": COUNT, "round": COUNT, "count": COUNT}
RETRIED_EXAMPLE = {"id": "batch_7f3k2m9q4d1t", "sequence": 1061, "round": 1, "count": 3}


@router.post(
    "/batches/{batch_id}/cancel",
    response_class=Response,
    responses={
        200: shape("It is (being) cancelled, or had ended already.", CANCELLED, CANCELLED_EXAMPLE),
        **errors(404, 409),
    },
)
async def cancel(
    parts: PartsDep, caller: CallerDep, batch_id: BatchId, idempotency_key: IdempotencyKey = None
) -> Response:
    """Cancel it: members that wait do not start, those that run are killed, those that have ended stay as they are.

    WRONG_STATE when it has ended and members of it run again because somebody retried them by themselves.
    """
    batch = await resolved_batch(parts, caller, batch_id)
    ref, command = Ref(caller.account, "batch", batch), command_id("CancelBatch", idempotency_key, batch)
    handled = await parts.handler.handle(ref, CancelBatch(caller.actor), command_id=command, actor=caller.actor)
    if not handled.events and handled.state.phase == "finished":
        await _check_over(parts, ref, command)
    doc = await batch_document(parts, caller, batch)
    cancelling = handled.state.cancelling and handled.state.phase != "finished"
    return answer({"id": batch, "sequence": handled.position, "status": doc["status"], "cancelling": cancelling})


@router.post(
    "/batches/{batch_id}/retry",
    response_class=Response,
    responses={200: shape("They are queued again.", RETRIED, RETRIED_EXAMPLE), **errors(404, 409)},
)
async def retry(
    parts: PartsDep,
    caller: CallerDep,
    batch_id: BatchId,
    body: RetryBody,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run members again that ended so, as the same executions with new attempts; WRONG_STATE when there are none."""
    batch = await resolved_batch(parts, caller, batch_id)
    ref, command = Ref(caller.account, "batch", batch), command_id("RetryBatch", idempotency_key, batch)
    before = await parts.handler.load(ref)
    if not before.position:
        raise NotFound("There is no such batch.", details={"id": batch})
    statuses = tuple(dict.fromkeys(body.statuses))
    count = await _ended(parts, ref, statuses)
    if command not in before.commands:
        await _check_script(parts, caller.account, before.state, body)
        if not count and before.state.phase != "submitted":
            message = f"None of its members has ended as {', '.join(statuses)}, so there is nothing to retry."
            raise WrongState(message, details={"statuses": list(statuses)})
    script = body.script.ref() if body.script else None
    again = RetryBatch(statuses, caller.actor, before.state.round, script)
    handled = await parts.handler.handle(ref, again, command_id=command, actor=caller.actor)
    state: Batch = handled.state
    if not handled.events and command not in (await parts.handler.load(ref)).commands:
        message = "Another retry of it was faster, so this one did nothing. Try again once that round is under way."
        raise WrongState(message, details={"round": state.round})
    return answer({"id": batch, "sequence": handled.position, "round": state.round, "count": count})


async def _check_over(parts: Parts, ref: Ref, command: str) -> None:
    """Raises WrongState when members of a batch that has finished are open, so that this cancel reaches nobody."""
    if command in (await parts.handler.load(ref)).commands:
        return
    await parts.queries.wait_for(await parts.log.last_position(), WAIT_SECONDS_MAX)
    page = await parts.queries.batch_members(ref.account, ref.id, status=OPEN, limit=NAMED_MAX)
    ids = [each["id"] for each in page.items]
    if ids:
        message = (
            f"It has ended, and members that were retried by themselves are cancelled so: rgrid cancel {' '.join(ids)}"
        )
        raise WrongState(message, details={"members": ids})


async def _check_script(parts: Parts, account: str, state: Batch, body: RetryBody) -> None:
    """Raises Invalid for a mended script at another path, where files of a member may be; Conflict (BLOBS_MISSING)."""
    if body.script is None or state.job is None:
        return
    if body.script.path != state.job.script.path:
        message = f"A mended script has the path of the one that ran: {state.job.script.path!r}."
        raise Invalid(message, details={"path": body.script.path})
    await check_blobs(parts.store, account, blobs_of([body.script.ref()]))


async def _ended(parts: Parts, ref: Ref, statuses: tuple[str, ...]) -> int:
    """How many members have ended so, as of now, and have the files that they need. Raises WrongState (ARTIFACTS_EXPIRED)."""
    await parts.queries.wait_for(await parts.log.last_position(), WAIT_SECONDS_MAX)
    doc = await parts.queries.get_batch(ref.account, ref.id)
    expired = await parts.queries.expired_members(ref.account, ref.id, statuses)
    return check_members(ref.id, sum(doc["counts"][status] for status in statuses), expired)
