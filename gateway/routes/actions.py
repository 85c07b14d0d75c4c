"""What can be done with an execution once it was submitted: cancel it, run it again."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from domain.execution.commands import CancelExecution, RetryExecution
from gateway.auth import Caller
from gateway.described import COUNT, TEXT, errors, shape
from gateway.idempotency import IdempotencyKey, command_id
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import ExecutionId, answer, resolved
from services.runtime.handle import Handled
from services.runtime.log import Ref

router = APIRouter(tags=["executions"])
DONE = {"id": TEXT, "sequence": COUNT, "status": TEXT, "cancelling": {"type": "boolean"}}
EXAMPLE = {"id": "exec_7f3k2m9q4d1t", "sequence": 44, "status": "running", "cancelling": True}


@router.post(
    "/executions/{execution_id}/cancel",
    response_class=Response,
    responses={200: shape("It is (being) cancelled, or had ended already.", DONE, EXAMPLE), **errors(404, 409)},
)
async def cancel(
    parts: PartsDep, caller: CallerDep, execution_id: ExecutionId, idempotency_key: IdempotencyKey = None
) -> Response:
    """Cancel it. When it runs, its end comes once its processes were seen gone."""
    return _answer(*await handled(parts, caller, execution_id, command_of("cancel", caller), idempotency_key))


@router.post(
    "/executions/{execution_id}/retry",
    response_class=Response,
    responses={
        200: shape("It is queued again.", DONE, {**EXAMPLE, "status": "queued", "cancelling": False}),
        **errors(404, 409),
    },
)
async def retry(
    parts: PartsDep, caller: CallerDep, execution_id: ExecutionId, idempotency_key: IdempotencyKey = None
) -> Response:
    """Run it once more, as the same execution with a new attempt. Only after it has ended (WRONG_STATE)."""
    return _answer(*await handled(parts, caller, execution_id, command_of("retry", caller), idempotency_key))


def command_of(op: str, caller: Caller) -> CancelExecution | RetryExecution:
    """`op`: cancel or retry."""
    return RetryExecution(caller.actor) if op == "retry" else CancelExecution(caller.actor, time.time_ns() // 1000)


async def handled(
    parts: Parts, caller: Caller, text: str, command: CancelExecution | RetryExecution, key: str | None
) -> tuple[str, Handled]:
    """The full id, and what the command came to. Raises Refused, Conflict, Unavailable."""
    execution = await resolved(parts, caller, text)
    done = await parts.handler.handle(
        Ref(caller.account, "execution", execution),
        command,
        command_id=command_id(type(command).__name__, key, execution),
        actor=caller.actor,
    )
    return execution, done


def _answer(execution: str, done: Handled) -> Response:
    state = done.state
    return answer(
        {"id": execution, "sequence": done.position, "status": state.shown_status, "cancelling": state.cancelling}
    )
