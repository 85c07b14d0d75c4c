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
class Environment:
    """The packages that a script needs beside its interpreter: `kind` is python or node.

    `lock` is the blob that pins every package with its hashes (requirements for Python, package-lock.json for Node).
    """

    kind: str
    lock: FileRef
    source: str = ""
    """Where the packages were declared, in words: `requirements.txt`, `the block in train.py`, `imports of train.py`."""
    builds: bool = False
    """Packages without a wheel may be built, which runs their code (in a box)."""
    imports: tuple[str, ...] = ()
    """Modules of it that the script imports: worth loading before it starts."""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret that a run gets: as the variable `name`, or (`form` is file) as the file /run/secrets/<name>.

    `version` tells its values apart; the value itself stands in no event.
    """

    name: str
    form: str = "env"
    version: int = 0


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
    environment: Environment | None = None
    interpreter: str = ""
    """The version that it must be, `3.12` or `20`; empty: the node's own."""
    image: str = ""
    """The container image to run it in; empty: that of its runtime."""
    secrets: tuple[SecretRef, ...] = ()
    cold: bool = False
    """It starts in a process of its own from the beginning, not in a copy of a warm one."""

    @property
    def needs(self) -> str:
        """What a node must offer among its `runtimes`: `python`, or `python3.12`."""
        return self.runtime + self.interpreter
