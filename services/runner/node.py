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
from services.runner.environments.environments import Environments
from services.runner.reports import Reports
from services.runner.sandbox.box import ENVIRONMENT, NODE_MODULES, Sandbox
from services.runner.upload import Uploads
from services.runtime.bus import Bus

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
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
    environments: Environments
    log_bytes_max: int
    kill_grace_seconds: float

    @property
    def owned_by_box(self) -> bool:
        """Scripts run as the box user, who must own their files."""
        return self.sandbox.kind in ("bubblewrap", "docker") and os.geteuid() == 0

    def argv(self, job: Job, program: str, environment: Path | None = None) -> tuple[str, ...]:
        """The command of a job, which `program` runs; the script keeps its relative path."""
        if environment is not None and job.environment is not None and job.environment.kind == "python":
            program = f"{self._shown(job, environment)}/bin/python"
        return (program, _as_argument(job.script), *job.args)

    def env(self, job: Job, execution: str, attempt: int, scratch: Path, environment: Path | None) -> dict[str, str]:
        """What every script finds in its environment, beside what the person gave.

        Unbuffered, so that lines arrive when they are printed; no bytecode files, which would come home as outputs. As many
        threads for a numerical library as the job has processors: it would take one for each of the machine.
        """
        home = self.sandbox.home or str(scratch)
        path = PATH
        if environment is not None and job.environment is not None:
            programs = "bin" if job.environment.kind == "python" else ".bin"
            path = f"{self._shown(job, environment)}/{programs}:{PATH}"
        found = {"HOME": home, "TMPDIR": home, "PATH": path, "LANG": "C.UTF-8"}
        found |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        found |= dict.fromkeys(THREADS, str(max(1, job.limits.cpu_millis // 1000)))
        return found | {"RGRID_EXECUTION_ID": execution, "RGRID_ATTEMPT": str(attempt)}

    def _shown(self, job: Job, environment: Path) -> str:
        """Where a script sees the folder of its packages."""
        if job.environment is not None and job.environment.kind == "node":
            return NODE_MODULES if self.sandbox.confined else str(environment / "node_modules")
        return ENVIRONMENT if self.sandbox.confined else str(environment)


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
