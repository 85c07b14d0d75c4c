"""What an execution is: the state that its events make, and nothing that decides.

submitted ─► queued ─► assigned ─► running ─► finished (succeeded, failed, timed_out, cancelled, lost)
               ▲           │          │           │
               └───────────┴──────────┘           │   another attempt: the script failed, or the node was lost
               ▲                                  │
               └──────────────────────────────────┘   a person retried it
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.execution import events as e
from domain.execution.job import Job

AGGREGATE = "execution"
RUNNER_STOPPED = "RUNNER_STOPPED"
"""The reason code of an attempt that ended because a person stopped its runner."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long (microseconds, by the control plane's clock) an ended attempt held its node, from its assignment on."""

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
    assigned_at_us: int = 0
    started_at_us: int | None = None
    script_failures: int = 0
    platform_faults: int = 0
    not_before_us: int = 0
    ended: e.Reason | None = None
    delay: e.Reason | None = None
    cancelling: bool = False
    spans: tuple[Span, ...] = ()
    batch_id: str = ""
    memoize: bool = False
    expired: bool = False
    """Its files are gone."""
    round: int = 0
    """How often a person had it go again."""

    @property
    def open(self) -> bool:
        """It was submitted and has not ended."""
        return self.phase not in ("new", "finished")

    @property
    def leased(self) -> bool:
        """A node holds the lease of the current attempt."""
        return self.phase in ("assigned", "running")

    @property
    def shown_status(self) -> str:
        """The status as people see it: an assigned attempt that has not started is being provisioned."""
        return "provisioning" if self.phase == "assigned" else self.status

    def held_by(self, node_id: str, attempt: int) -> bool:
        """Whether this node holds the lease of this attempt: nobody else's word on it counts (F2)."""
        return self.leased and self.node_id == node_id and self.attempt == attempt


INITIAL = Execution()


def evolve(state: Execution, event: e.ExecutionEvent) -> Execution:
    """What the execution is after `event`. Never raises: an event that does not fit leaves its facts all the same."""
    match event:
        case e.ExecutionSubmitted():
            job, batch, memoize = event.job, event.batch_id, event.memoize
            return Execution(
                "submitted", "queued", job, event.fingerprint, event.priority, batch_id=batch, memoize=memoize
            )
        case e.ExecutionCached():
            return replace(state, phase="queued")
        case e.ExecutionDelayed():
            return replace(state, delay=event.reason)
        case e.ExecutionAssigned():
            return _assigned(state, event)
        case e.ExecutionStarted():
            return replace(state, phase="running", status="running", started_at_us=event.started_at_us)
        case e.ExecutionAttemptFailed():
            return _attempt_failed(state, event)
        case e.ExecutionCancelRequested():
            return replace(state, cancelling=True)
        case e.ExecutionFinished():
            spans = _spans(state, event.held_us)
            return replace(
                state, phase="finished", status=event.result.status, cancelling=False, delay=None, spans=spans
            )
        case e.ExecutionArtifactsExpired():
            return replace(state, expired=True)
        case e.ExecutionRetried():
            return _retried(state, event)


def _assigned(state: Execution, event: e.ExecutionAssigned) -> Execution:
    return replace(
        state,
        phase="assigned",
        attempt=event.attempt,
        node_id=event.node_id,
        node_type=event.node_type,
        incarnation=event.incarnation,
        assigned_at_us=event.assigned_at_us,
        started_at_us=None,
        delay=None,
    )


def _attempt_failed(state: Execution, event: e.ExecutionAttemptFailed) -> Execution:
    return replace(
        state,
        phase="queued",
        status="queued",
        node_id="",
        incarnation="",
        script_failures=state.script_failures + (not event.platform),
        platform_faults=state.platform_faults + (event.platform and is_fault(event.result)),
        not_before_us=event.retry_at_us,
        ended=event.result.reason,
        delay=None,
        spans=_spans(state, event.held_us),
    )


def _retried(state: Execution, event: e.ExecutionRetried) -> Execution:
    return replace(
        state,
        job=replace(state.job, script=event.script) if state.job and event.script else state.job,
        phase="queued",
        status="queued",
        node_id="",
        incarnation="",
        script_failures=0,
        platform_faults=0,
        not_before_us=0,
        delay=None,
        cancelling=False,
        round=state.round + 1,
    )


def _spans(state: Execution, held_us: int) -> tuple[Span, ...]:
    """The spans with that of the current attempt behind them; an end without an attempt (cancelled in the queue) adds none."""
    if not state.leased:
        return state.spans
    return (*state.spans, Span(state.attempt, state.node_id, state.node_type, held_us))


def is_fault(result: e.AttemptResult) -> bool:
    """A runner that somebody stopped (`rgrid down`) is no fault: however often, the execution starts over."""
    return result.reason.code != RUNNER_STOPPED
