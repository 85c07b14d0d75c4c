"""What a person asked to run: the job, as it is stored in the log and handed to a runner."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.files import FileRef, FileSet

RUNTIMES = ("python", "node", "sh")
TIMEOUT_SECONDS_DEFAULT = 3600
CPU_MILLIS_DEFAULT = 1000
MEMORY_BYTES_DEFAULT = 2 * 1024**3
DISK_BYTES_DEFAULT = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one attempt: cpu in thousandths of a core, memory in bytes, wall time in seconds, disk in bytes."""

    cpu_millis: int = CPU_MILLIS_DEFAULT
    memory_bytes: int = MEMORY_BYTES_DEFAULT
    timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT
    disk_bytes: int = DISK_BYTES_DEFAULT
    """What it may write to the node's disk, copies of its inputs included."""


@dataclass(frozen=True, slots=True)
class Job:
    """A script with all it needs; every file is named by its content, so the job is complete once the blobs are stored.

    `retries` are for failures of the script; faults of the platform are counted apart.
    """

    runtime: str
    script: FileRef
    args: tuple[str, ...] = ()
    inputs: FileSet = field(default_factory=FileSet)
    shared: FileSet = field(default_factory=FileSet)
    """Inputs that it has in common with the other members of its batch."""
    env: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    network: bool = False
    retries: int = 0
