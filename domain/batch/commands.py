"""What can be asked of a batch. Time and ids come in with the command."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.batch.events import MemberList
from domain.execution.events import Reason
from domain.execution.job import Job
from domain.files import FileRef


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    members: MemberList
    job: Job
    fingerprint: str
    name: str = ""
    project: str = "default"
    tags: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    parallel: int = 0
    failures_max: int = 0
    memoize: bool = False


@dataclass(frozen=True, slots=True)
class ExpandBatch:
    """All members were written; after a retry: those that go again do."""

    count: int


@dataclass(frozen=True, slots=True)
class DelayBatch:
    """Why members of it wait."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class StopBatch:
    """`round`: of which round the failures are; a batch that was retried meanwhile goes on."""

    reason: Reason
    failures: int
    round: int


@dataclass(frozen=True, slots=True)
class CancelBatch:
    requested_by: str


@dataclass(frozen=True, slots=True)
class RetryBatch:
    """`round`: the one that the person saw the members of; a second retry of the same round adds nothing."""

    statuses: tuple[str, ...]
    requested_by: str
    round: int
    script: FileRef | None = None


@dataclass(frozen=True, slots=True)
class FinishBatch:
    """`round`: in which round all members were seen to have ended."""

    counts: dict[str, int]
    round: int


BatchCommand = SubmitBatch | ExpandBatch | DelayBatch | StopBatch | CancelBatch | RetryBatch | FinishBatch
