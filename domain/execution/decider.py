"""The life of one execution: which events a command yields, and what the events make of it.

submitted ─► queued ─► assigned ─► running ─► finished (succeeded, failed, timed_out, cancelled, lost)
               ▲           │          │           │
               └───────────┴──────────┘           │   another attempt: the script failed, or the node was lost
               ▲                                  │
               └──────────────────────────────────┘   a person retried it
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.errors import IdempotencyMismatch, NotFound, StaleLease, WrongState
from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.job import Job
from domain.retry import PLATFORM_FAULTS_MAX, platform_backoff_seconds, script_backoff_seconds

AGGREGATE = "execution"
RUNNER_STOPPED = "RUNNER_STOPPED"
"""The reason code of an attempt that ended because a person stopped its runner."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long (microseconds, by the node's clock) an ended attempt held its node; 0 when it never started."""

    attempt: int
    node_id: str
    node_type: str
    held_us: int


@dataclass(frozen=True, slots=True)
class Execution:
    """State of the decider. `phase`: new, submitted, queued, assigned, running, finished. `spans`: attempts that ended;
    `ended`: why the last of them did."""

    phase: str = "new"
    status: str = ""
    job: Job | None = None
    fingerprint: str = ""
    priority: int = 0
    attempt: int = 0
    node_id: str = ""
    node_type: str = ""
    incarnation: str = ""
    started_at_us: int | None = None
    script_failures: int = 0
    platform_faults: int = 0
    not_before_us: int = 0
    ended: e.Reason | None = None
    delay: e.Reason | None = None
    cancelling: bool = False
    spans: tuple[Span, ...] = ()

    @property
    def open(self) -> bool:
        """It was submitted and has not ended."""
        return self.phase not in ("new", "finished")

    @property
    def leased(self) -> bool:
        """A node holds the lease of the current attempt."""
        return self.phase in ("assigned", "running")


INITIAL = Execution()


def evolve(state: Execution, event: e.ExecutionEvent) -> Execution:
    """What the execution is after `event`. Never raises: an event that does not fit leaves its facts all the same."""
    match event:
        case e.ExecutionSubmitted():
            return Execution("submitted", "queued", event.job, event.fingerprint, event.priority)
        case e.ExecutionCached():
            return replace(state, phase="queued")
        case e.ExecutionDelayed():
            return replace(state, delay=event.reason)
        case e.ExecutionAssigned():
            return replace(
                state,
                phase="assigned",
                attempt=event.attempt,
                node_id=event.node_id,
                node_type=event.node_type,
                incarnation=event.incarnation,
                started_at_us=None,
                delay=None,
            )
        case e.ExecutionStarted():
            return replace(state, phase="running", status="running", started_at_us=event.started_at_us)
        case e.ExecutionAttemptFailed():
            return replace(
                state,
                phase="queued",
                status="queued",
                node_id="",
                incarnation="",
                script_failures=state.script_failures + (not event.platform),
                platform_faults=state.platform_faults + (event.platform and _is_fault(event.result)),
                not_before_us=event.retry_at_us,
                ended=event.result.reason,
                delay=None,
                spans=_spans(state, event.result),
            )
        case e.ExecutionCancelRequested():
            return replace(state, cancelling=True)
        case e.ExecutionFinished():
            spans = _spans(state, event.result)
            return replace(
                state, phase="finished", status=event.result.status, cancelling=False, delay=None, spans=spans
            )
        case e.ExecutionRetried():
            return replace(
                state,
                phase="queued",
                status="queued",
                node_id="",
                incarnation="",
                script_failures=0,
                platform_faults=0,
                not_before_us=0,
                delay=None,
                cancelling=False,
            )


def _spans(state: Execution, result: e.AttemptResult) -> tuple[Span, ...]:
    """The spans with that of the current attempt behind them; an end without an attempt (cancelled in the queue) adds none."""
    if not state.leased:
        return state.spans
    held_us = max(0, (result.ended_at_us or 0) - (result.started_at_us or 0)) if result.started_at_us else 0
    return (*state.spans, Span(state.attempt, state.node_id, state.node_type, held_us))


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
            return [e.ExecutionCached(command.script, command.environment, command.inputs)]
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
            if not state.leased or command.attempt != state.attempt:
                return []
            lost = e.AttemptResult(
                "lost", command.reason, started_at_us=state.started_at_us, ended_at_us=command.now_us
            )
            return [_platform_fault(state, lost, command.now_us)]
        case c.CancelExecution():
            return _cancel(state, command)
        case c.RetryExecution():
            if state.phase != "finished":
                raise WrongState("It has not ended yet, so there is nothing to retry.", details={"phase": state.phase})
            return [e.ExecutionRetried(command.requested_by)]


def _submit(state: Execution, command: c.SubmitExecution) -> list[e.ExecutionEvent]:
    if state.phase == "new":
        return [
            e.ExecutionSubmitted(
                command.job, command.fingerprint, command.name, command.project, command.tags, command.priority
            )
        ]
    if state.fingerprint != command.fingerprint:
        raise IdempotencyMismatch("This idempotency key was used before, for another request.")
    return []


def _assign(state: Execution, command: c.AssignExecution) -> list[e.ExecutionEvent]:
    if state.phase != "queued" or command.attempt != state.attempt + 1:
        return []
    if command.now_us < state.not_before_us:
        raise WrongState("Its next attempt is not due yet.", details={"not_before_us": state.not_before_us})
    return [
        e.ExecutionAssigned(
            command.attempt, command.node_id, command.incarnation, command.node_type, command.lease_seconds
        )
    ]


def _finish(state: Execution, command: c.FinishExecution) -> list[e.ExecutionEvent]:
    if state.phase == "finished" and command.attempt == state.attempt and command.node_id == state.node_id:
        return []
    _check_lease(state, command.attempt, command.node_id)
    result = command.result
    if result.status == "lost":
        return [_platform_fault(state, result, command.now_us)]
    failures = state.script_failures + 1
    again = result.status in ("failed", "timed_out") and state.job is not None and failures <= state.job.retries
    if again and not state.cancelling:
        retry_at_us = command.now_us + int(script_backoff_seconds(failures) * 1e6)
        return [e.ExecutionAttemptFailed(command.attempt, result, False, retry_at_us)]
    return [e.ExecutionFinished(command.attempt, result)]


def _platform_fault(state: Execution, result: e.AttemptResult, now_us: int) -> e.ExecutionEvent:
    """Another attempt, unless somebody wanted it cancelled or it happened too often: then the end, as `lost`."""
    if state.cancelling:
        message = f"{result.reason.message} It was being cancelled; whether its processes stopped was not seen."
        reason = e.Reason("LOST_WHILE_CANCELLING", message, "Run it again if you still need it.")
        return e.ExecutionFinished(state.attempt, replace(result, reason=reason))
    faults = state.platform_faults + _is_fault(result)
    if faults > PLATFORM_FAULTS_MAX:
        message = f"{faults} attempts were lost to faults of the platform, the last: {result.reason.message}"
        reason = e.Reason("PLATFORM_FAULTS", message, result.reason.hint or "Look at the nodes with: rgrid doctor")
        return e.ExecutionFinished(state.attempt, replace(result, reason=reason))
    wait_seconds = platform_backoff_seconds(faults) if _is_fault(result) else 0.0
    return e.ExecutionAttemptFailed(state.attempt, result, True, now_us + int(wait_seconds * 1e6))


def _is_fault(result: e.AttemptResult) -> bool:
    """A runner that somebody stopped (`rgrid down`) is no fault: however often, the execution starts over."""
    return result.reason.code != RUNNER_STOPPED


def _cancel(state: Execution, command: c.CancelExecution) -> list[e.ExecutionEvent]:
    if state.phase == "finished" or state.cancelling:
        return []
    if state.leased:
        return [e.ExecutionCancelRequested(state.attempt, command.requested_by)]
    reason = e.Reason("CANCELLED", "It was cancelled before it ran.")
    return [e.ExecutionFinished(state.attempt, e.AttemptResult("cancelled", reason, ended_at_us=command.now_us))]


def _check_lease(state: Execution, attempt: int, node_id: str) -> None:
    """F2: a report counts only from the node that holds the lease, for the attempt it was given."""
    if not state.leased or attempt != state.attempt or node_id != state.node_id:
        raise StaleLease(
            f"Attempt {attempt} on {node_id} does not hold the lease any more.",
            details={"attempt": attempt, "attempt_current": state.attempt, "phase": state.phase},
        )
