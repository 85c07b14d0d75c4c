"""What every attempt on this node works with, and what the node has to offer."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from domain.execution.job import Job
from domain.files import FileRef
from services.runner.blobs import BlobCache
from services.runner.download import Downloads
from services.runner.reports import Reports
from services.runner.sandbox.box import Sandbox
from services.runner.upload import Uploads
from services.runtime.bus import Bus

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Node:
    """The parts of a runner."""

    id: str
    folder: Path
    bus: Bus
    reports: Reports
    sandbox: Sandbox
    cache: BlobCache
    downloads: Downloads
    uploads: Uploads
    log_bytes_max: int
    kill_grace_seconds: float

    @property
    def owned_by_box(self) -> bool:
        """Scripts run as the box user, who must own their files."""
        return self.sandbox.kind in ("bubblewrap", "docker") and os.geteuid() == 0

    def argv(self, job: Job, program: str) -> tuple[str, ...]:
        """The command of a job; the script keeps its relative path."""
        return (program, _as_argument(job.script), *job.args)

    def env(self, execution: str, attempt: int, scratch: Path) -> dict[str, str]:
        """What every script finds in its environment, beside what the person gave.

        Unbuffered, so that lines arrive when they are printed; no bytecode files, which would come home as outputs.
        """
        home = self.sandbox.home or str(scratch)
        found = {"HOME": home, "TMPDIR": home, "PATH": PATH, "LANG": "C.UTF-8"}
        found |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return found | {"RGRID_EXECUTION_ID": execution, "RGRID_ATTEMPT": str(attempt)}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine offers: thousandths of a core, bytes."""

    cpu_millis: int
    memory_bytes: int


def capacity() -> Capacity:
    """All of this machine that this process may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(1000 * len(os.sched_getaffinity(0)), memory)


def labels(warning: str) -> dict[str, str]:
    """What else the grid should know of this node."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "host": platform.node()}
    return found | ({"sandbox_warning": warning} if warning else {})


def _as_argument(script: FileRef) -> str:
    """A script's name never becomes an option of its interpreter."""
    return f"./{script.path}" if script.path.startswith("-") else script.path
