"""Which control groups this machine lets us use, found out by really making one."""

from __future__ import annotations

from pathlib import Path

from domain.execution.job import Limits
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.cgroup_v1 import CONTROLLERS, GroupsV1
from services.runner.sandbox.cgroup_v2 import GroupsV2

TRIAL = "trial"


def find_groups(node: str, mounts: Path = Path("/proc/self/mounts")) -> tuple[Groups | None, str]:
    """The groups of `node`, or None and why. `node` must differ between two grids on one machine."""
    unified, controllers = _mounts(mounts.read_text())
    why = "no control groups are mounted"
    makers = []
    if all(name in controllers for name in CONTROLLERS):
        makers.append(lambda: GroupsV1(controllers, node))
    if unified is not None and "memory" in _words(unified / "cgroup.controllers"):
        makers.append(lambda: GroupsV2(unified, node))  # type: ignore[arg-type, return-value]
    for make in makers:
        try:
            groups: Groups = make()
            groups.create(TRIAL, Limits()).remove()
        except OSError as error:
            why = f"control groups cannot be written here ({error.strerror}: {error.filename})"
            continue
        return groups, ""
    return None, why


def _mounts(text: str) -> tuple[Path | None, dict[str, Path]]:
    """The mount of version 2, and those of version 1 by controller."""
    unified: Path | None = None
    controllers: dict[str, Path] = {}
    for line in text.splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            unified = Path(where)
        elif kind == "cgroup":
            controllers |= {name: Path(where) for name in options.split(",")}
    return unified, controllers


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
