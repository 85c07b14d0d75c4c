"""A Node script made ready: its own modules and package.json go along, its package-lock.json is the lock."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from ...job.inputs import Plan, inside_name
from ...terminal.formats import count
from ...terminal.screen import clean, warn
from ...wire.blob import entry, of_file
from ..upward import shown
from .imports import follow
from .project import LOCK, project

if TYPE_CHECKING:
    from ...job.packages import Packages


def node(made: Packages, script: Path, plan: Plan, *, packages: bool = True) -> None:
    """Raises UsageProblem with what to type where packages are not pinned."""
    seen = follow(script)
    known = project(script, seen.packages) if packages else None
    files = [*seen.files, *([known.package] if known else [])]
    fresh = sum(add(plan, script, path) for path in files)
    if fresh:
        made.lines.append(("modules", f"{count(fresh, 'file')} of yours taken along"))
    if known is None or known.lock is None or not known.packages:
        return
    blob = of_file(known.lock)
    made.blobs.append(blob)
    made.fields["environment"] = {
        "kind": "node",
        "lock": entry(LOCK, blob, 0o644),
        "source": clean(shown(known.lock))[:200],
        "builds": False,
        "imports": [],
    }
    made.count, made.known = known.packages, True
    made.words = f"{count(known.packages, 'package')} from {clean(shown(known.lock))}"


def add(plan: Plan, script: Path, path: Path) -> bool:
    """Put one file at the place that it has relative to the script; whether it was not there already."""
    beside = script.parent.absolute()
    name = inside_name(path)
    if name is None and path.is_relative_to(beside):
        name = posixpath.join(posixpath.dirname(plan.script), path.relative_to(beside).as_posix())
    if name is None and path.name == "package.json":
        name = posixpath.join(posixpath.dirname(plan.script), path.name)
    if name is None:
        warn(
            f"{clean(shown(path))} lies outside this folder and does not go along: type rgrid run from a folder above it"
        )
        return False
    if name == plan.script or name in plan.files:
        return False
    plan.add(name, path)
    return True
