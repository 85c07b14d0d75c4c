"""What can happen to a batch. A storage format: fields are added with defaults, never renamed.

A batch is its members, and they are executions like any other: what becomes of them stands in their own histories. Here
stands only what is decided about all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.execution.events import Reason
from domain.execution.job import Job
from domain.files import FileRef


@dataclass(frozen=True, slots=True)
class MemberList:
    """The blob that lists the members, one JSON object a line (domain.batch.members), and how many they are."""

    sha256: str
    size_bytes: int
    count: int


@dataclass(frozen=True, slots=True)
class BatchSubmitted:
    """A person asked for many runs at once. From here on all of them will be, whoever crashes: the list is stored.

    `job` is what the members have in common; `fingerprint` the hash of the whole request. `parallel`: so many run at the
    same time (0: as many as there is room for). `failures_max`: so many failed members stop it (0: none ever does).
    """

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
class BatchExpanded:
    """`count` members stand in the log, all that there will be; after a retry: those that go again do. From here on the
    round can finish."""

    count: int


@dataclass(frozen=True, slots=True)
class BatchDelayed:
    """Members of it wait, and this is why. Said once per change of reason, for all of them."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class BatchStopped:
    """Enough have failed, or not all members can be written: those that wait are cancelled, those that run go on to their
    end."""

    reason: Reason
    failures: int


@dataclass(frozen=True, slots=True)
class BatchCancelRequested:
    """Somebody wants all of it to end: members that wait do not start, those that run are killed."""

    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class BatchRetried:
    """Members that have ended with one of `statuses` go again; with `script`, they run that one from now on."""

    statuses: tuple[str, ...]
    requested_by: str = ""
    script: FileRef | None = None


@dataclass(frozen=True, slots=True)
class BatchFinished:
    """All members have ended; `counts` says how, by status."""

    counts: dict[str, int]


BatchEvent = (
    BatchSubmitted | BatchExpanded | BatchDelayed | BatchStopped | BatchCancelRequested | BatchRetried | BatchFinished
)
