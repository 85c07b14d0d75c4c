"""What can happen to an execution. A storage format: fields are added with defaults, never renamed.

Times are microseconds since 1970 (UTC). `attempt` counts from 1 and is the epoch of the lease: a report that names
another attempt than the current one is stale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.execution.job import Job
from domain.files import FileRef, FileSet


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is as it is: a stable `code`, a sentence for people, and what they can do (`hint`)."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One level of the cache: `result` is `hit` or `miss`, `reason` says why."""

    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt used: cpu time, peak memory of its process tree (None: not measurable here), wall time."""

    cpu_ms: int = 0
    memory_peak_bytes: int | None = None
    wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class LogSummary:
    """The closed log of an attempt: what a follower must have seen to have seen all of it.

    `dropped_lines` and `dropped_bytes` count what the named limit kept out. `archive` is the blob that keeps the log.
    """

    chunks: int = 0
    lines: int = 0
    stdout_lines: int = 0
    stderr_lines: int = 0
    size_bytes: int = 0
    dropped_lines: int = 0
    dropped_bytes: int = 0
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedOutput:
    """A path in the working directory that was not brought home, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How one attempt ended: `status` is succeeded, failed, timed_out, cancelled or lost."""

    status: str
    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    started_at_us: int | None = None
    ended_at_us: int | None = None
    usage: Usage = field(default_factory=Usage)
    log: LogSummary = field(default_factory=LogSummary)
    outputs: FileSet = field(default_factory=FileSet)
    outputs_refused: tuple[RefusedOutput, ...] = ()
    outputs_refused_count: int = 0
    error_line: str = ""
    """The last line on stderr of a script that failed, cut to ERROR_LINE_CHARS_MAX: what failures are grouped by."""


ERROR_LINE_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class ExecutionSubmitted:
    """A person asked for a run. `fingerprint` is the hash of the whole request: a repeat with another one is refused."""

    job: Job
    fingerprint: str
    name: str = ""
    project: str = "default"
    tags: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    batch_id: str = ""
    member: str = ""
    """Its name in the batch."""
    memoize: bool = False
    """A run that succeeded before with the same memo key (domain.memo) may stand for this one."""


@dataclass(frozen=True, slots=True)
class ExecutionCached:
    """What was already there, level by level, and why not. `memo`: whether an earlier run serves, when that was asked."""

    script: Lookup
    environment: Lookup
    inputs: Lookup
    memo: Lookup | None = None


@dataclass(frozen=True, slots=True)
class ExecutionDelayed:
    """It waits, and this is why. Said once per change of reason."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ExecutionAssigned:
    """A node holds the lease of this attempt; `incarnation` names the life of the runner that holds it."""

    attempt: int
    node_id: str
    incarnation: str
    node_type: str = "local"
    assigned_at_us: int = 0
    """By the control plane's clock: from here on it holds its node."""


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """The script's process exists."""

    attempt: int
    node_id: str
    started_at_us: int
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionAttemptFailed:
    """An attempt ended and another one follows, not before `retry_at_us`. `platform`: it was not the script's fault.

    `held_us`: how long it held its node, as it is billed.
    """

    attempt: int
    result: AttemptResult
    platform: bool
    retry_at_us: int
    held_us: int = 0


@dataclass(frozen=True, slots=True)
class ExecutionCancelRequested:
    """Somebody wants the running attempt dead; it ends when its processes were seen gone."""

    attempt: int
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionFinished:
    """The end. `attempt` is the last one, 0 when there was none; one that is cancelled in the queue ends without another.

    `held_us`: how long the attempt that ends here held its node, as it is billed; 0 when none was under way.
    """

    attempt: int
    result: AttemptResult
    held_us: int = 0
    reused_from: str = ""
    """The execution whose result this is: it was memoized, and nothing ran."""


@dataclass(frozen=True, slots=True)
class ExecutionRetried:
    """A person asked for another go after the end; counting of script failures and platform faults begins anew.

    With `script` it runs that one from now on.
    """

    requested_by: str = ""
    script: FileRef | None = None


@dataclass(frozen=True, slots=True)
class ExecutionArtifactsExpired:
    """Its files and logs are not kept any longer: `kept_until_us` is past. What another execution needs is still there."""

    kept_until_us: int


ExecutionEvent = (
    ExecutionSubmitted
    | ExecutionCached
    | ExecutionDelayed
    | ExecutionAssigned
    | ExecutionStarted
    | ExecutionAttemptFailed
    | ExecutionCancelRequested
    | ExecutionFinished
    | ExecutionRetried
    | ExecutionArtifactsExpired
)
