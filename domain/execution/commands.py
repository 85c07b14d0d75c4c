"""What can be asked of an execution. Time and ids come in with the command."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.execution.events import AttemptResult, Lookup, Reason
from domain.execution.job import Job


@dataclass(frozen=True, slots=True)
class SubmitExecution:
    job: Job
    fingerprint: str
    name: str = ""
    project: str = "default"
    tags: dict[str, str] = field(default_factory=dict)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ResolveExecution:
    script: Lookup
    environment: Lookup
    inputs: Lookup


@dataclass(frozen=True, slots=True)
class DelayExecution:
    reason: Reason


@dataclass(frozen=True, slots=True)
class AssignExecution:
    """`attempt` is the number this assignment is meant to have: a second scheduler that decided on older news is refused."""

    attempt: int
    node_id: str
    incarnation: str
    node_type: str
    now_us: int


@dataclass(frozen=True, slots=True)
class StartExecution:
    attempt: int
    node_id: str
    started_at_us: int
    sandbox: str


@dataclass(frozen=True, slots=True)
class FinishExecution:
    """The runner's word on how an attempt ended; the decider says whether that is the end or another attempt follows."""

    attempt: int
    node_id: str
    result: AttemptResult
    now_us: int


@dataclass(frozen=True, slots=True)
class LoseExecution:
    """The node that holds the lease is gone: nobody will report on this attempt any more."""

    attempt: int
    reason: Reason
    now_us: int


@dataclass(frozen=True, slots=True)
class CancelExecution:
    requested_by: str
    now_us: int


@dataclass(frozen=True, slots=True)
class RetryExecution:
    requested_by: str


ExecutionCommand = (
    SubmitExecution
    | ResolveExecution
    | DelayExecution
    | AssignExecution
    | StartExecution
    | FinishExecution
    | LoseExecution
    | CancelExecution
    | RetryExecution
)
