"""What can be asked of an execution. Time and ids come in with the command."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.execution.events import AttemptResult, Lookup, Reason
from domain.execution.job import Job
from domain.files import FileRef


@dataclass(frozen=True, slots=True)
class SubmitExecution:
    job: Job
    fingerprint: str
    name: str = ""
    project: str = "default"
    tags: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    batch_id: str = ""
    member: str = ""
    memoize: bool = False


@dataclass(frozen=True, slots=True)
class Reuse:
    """The earlier run that serves for a new one, and its result."""

    execution_id: str
    result: AttemptResult


@dataclass(frozen=True, slots=True)
class ResolveExecution:
    """`reuse`: nothing needs to run; `now_us` is then the time of the end."""

    script: Lookup
    environment: Lookup
    inputs: Lookup
    memo: Lookup | None = None
    reuse: Reuse | None = None
    now_us: int = 0


@dataclass(frozen=True, slots=True)
class DelayExecution:
    reason: Reason


@dataclass(frozen=True, slots=True)
class AssignExecution:
    """`attempt` is the number this assignment is meant to have, `round` the retries by a person that came before it (None:
    however many): a second scheduler that decided on older news is refused."""

    attempt: int
    node_id: str
    incarnation: str
    node_type: str
    now_us: int
    round: int | None = None


@dataclass(frozen=True, slots=True)
class StartExecution:
    attempt: int
    node_id: str
    started_at_us: int
    sandbox: str


@dataclass(frozen=True, slots=True)
class FinishExecution:
    """The runner's word on how an attempt ended; the decider says whether that is the end or another attempt follows.

    When its start was not reported by itself, it is learned of here (`result.started_at_us`, `sandbox`).
    """

    attempt: int
    node_id: str
    result: AttemptResult
    now_us: int
    sandbox: str = ""


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
    reason: Reason | None = None
    """Why it ends, when it has not begun; by default that it was cancelled."""


@dataclass(frozen=True, slots=True)
class RetryExecution:
    requested_by: str
    script: FileRef | None = None


@dataclass(frozen=True, slots=True)
class ExpireArtifacts:
    """By the policy of its project its files and logs are due to go."""

    kept_until_us: int


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
    | ExpireArtifacts
)
