"""What the kernel bounds without control groups, process by process: the floor under every kind of box."""

from __future__ import annotations

import resource

from domain.execution.job import Limits

FILES_MAX = 4096
PROCESSES_MAX = 4096
"""Of one user, counted over all that the user runs on older kernels: far above a busy desktop, far below a fork bomb."""


def rlimits(limits: Limits, grouped: bool) -> list[tuple[int, int]]:
    """(resource, bound) for a script; `grouped`: memory and processes are bounded by a control group already.

    Memory is bounded by RLIMIT_DATA, what a process may write to for itself: RLIMIT_AS would count what it only reserves,
    and node reserves gigabytes.
    """
    wanted = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, FILES_MAX)]
    wanted.append((resource.RLIMIT_FSIZE, limits.disk_bytes))
    if not grouped:
        wanted += [(resource.RLIMIT_DATA, limits.memory_bytes), (resource.RLIMIT_NPROC, PROCESSES_MAX)]
    return [(kind, _within(kind, bound)) for kind, bound in wanted]


def _within(kind: int, bound: int) -> int:
    """Nobody may raise a bound that they were given."""
    given = resource.getrlimit(kind)[1]
    return bound if given == resource.RLIM_INFINITY else min(bound, given)
