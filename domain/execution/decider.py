"""Which events a command yields, given what the execution is (domain.execution.state)."""

from __future__ import annotations

from dataclasses import replace

from domain.errors import IdempotencyMismatch, NotFound, StaleLease, WrongState
from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.state import Execution, is_fault
from domain.pricing import held_us
from domain.retry import FUTILE_CODES, PLATFORM_FAULTS_MAX, platform_backoff_seconds, script_backoff_seconds


def decide(state: Execution, command: c.ExecutionCommand) -> list[e.ExecutionEvent]:
    """The events that `command` yields; none when it was already done. Raises Refused when it is not allowed."""
    if state.phase == "new" and not isinstance(command, c.SubmitExecution):
        raise NotFound("There is no such execution.")
    match command:
        case c.SubmitExecution():
            return _submit(state, command)
        case c.ResolveExecution():
            if state.phase != "submitted":
                return []
            return _resolve(state, command)
        case c.DelayExecution():
            if state.phase != "queued" or state.delay == command.reason:
                return []
            return [e.ExecutionDelayed(command.reason)]
        case c.AssignExecution():
            return _assign(state, command)
        case c.StartExecution():
            _check_lease(state, command.attempt, command.node_id)
            if state.phase == "running":
                return []
            return [e.ExecutionStarted(command.attempt, command.node_id, command.started_at_us, command.sandbox)]
        case c.FinishExecution():
            return _finish(state, command)
        case c.LoseExecution():
            return _lose(state, command)
        case c.CancelExecution():
            return _cancel(state, command)
        case c.RetryExecution():
            return _retry(state, command)
        case c.ExpireArtifacts():
            if state.phase != "finished":
                raise WrongState("It has not ended, so it needs its files.", details={"phase": state.phase})
            return [] if state.expired else [e.ExecutionArtifactsExpired(command.kept_until_us)]


def _submit(state: Execution, command: c.SubmitExecution) -> list[e.ExecutionEvent]:
    if state.phase == "new":
        return [
            e.ExecutionSubmitted(
                command.job,
                command.fingerprint,
                command.name,
                command.project,
                command.tags,
                command.priority,
                command.batch_id,
                command.member,
                command.memoize,
            )
        ]
    if state.fingerprint != command.fingerprint:
        raise IdempotencyMismatch("This idempotency key was used before, for another request.")
    return []


def _resolve(state: Execution, command: c.ResolveExecution) -> list[e.ExecutionEvent]:
    """What is known; and the end at once, when an earlier run serves. Its times and usage were those of that run."""
    cached = e.ExecutionCached(command.script, command.environment, command.inputs, command.memo)
    if command.reuse is None or not state.memoize:
        return [cached]
    result = replace(
        command.reuse.result, started_at_us=None, ended_at_us=command.now_us, usage=e.Usage(), outputs_refused=()
    )
    return [cached, e.ExecutionFinished(0, result, reused_from=command.reuse.execution_id)]


def _assign(state: Execution, command: c.AssignExecution) -> list[e.ExecutionEvent]:
    if state.phase != "queued" or command.attempt != state.attempt + 1 or command.round not in (None, state.round):
        return []
    if command.now_us < state.not_before_us:
        raise WrongState("Its next attempt is not due yet.", details={"not_before_us": state.not_before_us})
    return [
        e.ExecutionAssigned(command.attempt, command.node_id, command.incarnation, command.node_type, command.now_us)
    ]


def _finish(state: Execution, command: c.FinishExecution) -> list[e.ExecutionEvent]:
    if state.phase == "finished" and command.attempt == state.attempt and command.node_id == state.node_id:
        return []
    _check_lease(state, command.attempt, command.node_id)
    return [*_late_start(state, command), _ended(state, command)]


def _late_start(state: Execution, command: c.FinishExecution) -> list[e.ExecutionEvent]:
    """A script that was over in no time is reported once; that it began is part of its story all the same."""
    started_at_us = command.result.started_at_us
    if state.phase != "assigned" or started_at_us is None:
        return []
    return [e.ExecutionStarted(command.attempt, command.node_id, started_at_us, command.sandbox)]


def _ended(state: Execution, command: c.FinishExecution) -> e.ExecutionEvent:
    result = command.result
    if result.status == "lost":
        return _platform_fault(state, result, command.now_us)
    held = held_us(state.assigned_at_us, command.now_us)
    failures = state.script_failures + 1
    again = result.status in ("failed", "timed_out") and result.reason.code not in FUTILE_CODES
    again = again and state.job is not None and failures <= state.job.retries
    if again and not state.cancelling:
        retry_at_us = command.now_us + int(script_backoff_seconds(failures) * 1e6)
        return e.ExecutionAttemptFailed(command.attempt, result, False, retry_at_us, held)
    return e.ExecutionFinished(command.attempt, result, held)


def _platform_fault(state: Execution, result: e.AttemptResult, now_us: int) -> e.ExecutionEvent:
    """Another attempt, unless somebody wanted it cancelled or it happened too often: then the end, as `lost`."""
    held = held_us(state.assigned_at_us, now_us)
    if state.cancelling:
        message = f"{result.reason.message} It was being cancelled; whether its processes stopped was not seen."
        reason = e.Reason("LOST_WHILE_CANCELLING", message, "Run it again if you still need it.")
        return e.ExecutionFinished(state.attempt, replace(result, reason=reason), held)
    faults = state.platform_faults + is_fault(result)
    if faults > PLATFORM_FAULTS_MAX:
        message = f"{faults} attempts were lost to faults of the platform, the last: {result.reason.message}"
        reason = e.Reason("PLATFORM_FAULTS", message, result.reason.hint or "Look at the nodes with: rgrid doctor")
        return e.ExecutionFinished(state.attempt, replace(result, reason=reason), held)
    wait_seconds = platform_backoff_seconds(faults) if is_fault(result) else 0.0
    return e.ExecutionAttemptFailed(state.attempt, result, True, now_us + int(wait_seconds * 1e6), held)


def _cancel(state: Execution, command: c.CancelExecution) -> list[e.ExecutionEvent]:
    if state.phase == "finished" or state.cancelling:
        return []
    if state.leased:
        return [e.ExecutionCancelRequested(state.attempt, command.requested_by)]
    reason = command.reason or e.Reason("CANCELLED", "It was cancelled before it ran.")
    return [e.ExecutionFinished(state.attempt, e.AttemptResult("cancelled", reason, ended_at_us=command.now_us))]


def _lose(state: Execution, command: c.LoseExecution) -> list[e.ExecutionEvent]:
    if not state.leased or command.attempt != state.attempt:
        return []
    lost = e.AttemptResult("lost", command.reason, started_at_us=state.started_at_us, ended_at_us=command.now_us)
    return [_platform_fault(state, lost, command.now_us)]


def _retry(state: Execution, command: c.RetryExecution) -> list[e.ExecutionEvent]:
    if state.phase != "finished":
        raise WrongState("It has not ended yet, so there is nothing to retry.", details={"phase": state.phase})
    if state.expired:
        message = "Its inputs are not kept any longer, so it cannot run again."
        raise WrongState(message, code="ARTIFACTS_EXPIRED")
    return [e.ExecutionRetried(command.requested_by, command.script)]


def _check_lease(state: Execution, attempt: int, node_id: str) -> None:
    """F2: a report counts only from the node that holds the lease, for the attempt it was given."""
    if not state.held_by(node_id, attempt):
        raise StaleLease(
            f"Attempt {attempt} on {node_id} does not hold the lease any more.",
            details={"attempt": attempt, "attempt_current": state.attempt, "phase": state.phase},
        )
