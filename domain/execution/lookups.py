"""What is said of a job that is resolved: which of it was known, which was not, and why; in words for people."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from domain.execution.events import Lookup
from domain.execution.job import Job
from domain.memo import differing, stands_still

NO_DEPENDENCIES = Lookup("hit", "the runtime alone: no dependencies declared")


def input_blobs(job: Job) -> set[str]:
    """SHA-256 of every input, own and shared; a list of many counts as the blob that it is."""
    found = {entry.sha256 for files in (job.inputs, job.shared) for entry in files.entries}
    return found | {files.manifest for files in (job.inputs, job.shared) if files.manifest}


def script_lookup(job: Job, *, ran: bool, path_ran: bool) -> Lookup:
    """`ran`: this very content did before; `path_ran`: something did from that path."""
    if ran:
        return Lookup("hit", "this script ran before, unchanged")
    if path_ran:
        return Lookup("miss", f"{job.script.path} changed since it last ran")
    return Lookup("miss", "this script has not run before")


def inputs_lookup(job: Job, seen: AbstractSet[str]) -> Lookup:
    """`seen`: those of its blobs that were used before."""
    blobs = input_blobs(job)
    if not blobs:
        return Lookup("hit", "no inputs")
    fresh = len(blobs - seen)
    if job.inputs.manifest or job.shared.manifest:
        known = "used before, all of them" if fresh == 0 else "not used together before"
        return Lookup("miss" if fresh else "hit", f"{job.inputs.count + job.shared.count} inputs, {known}")
    if fresh == 0:
        return Lookup("hit", f"{_count(len(blobs))} used before, unchanged")
    return Lookup("miss", f"{_count(fresh)} of {len(blobs)} not used before")


def memo_lookup(job: Job, reused: str, last: tuple[str, Job] | None) -> Lookup:
    """Whether an earlier run serves: `reused` is its id. If none does, how the `last` run of the same script differs."""
    if reused:
        return Lookup("hit", f"{reused} ran the same and succeeded")
    if not stands_still(job):
        return Lookup(
            "miss", f"the image {job.image} can change: name it by digest (NAME@sha256:…) to have runs reused"
        )
    if last is None:
        return Lookup("miss", f"{job.script.path} has not run before")
    last_id, last_job = last
    parts = differing(job, last_job)
    if not parts:
        why = "it did not succeed, its interpreter or image is no longer that of the nodes, or its files are not kept"
        return Lookup("miss", f"{last_id} ran the same, but {why}")
    return Lookup("miss", f"other {' and '.join(parts)} than the last run of {job.script.path}, {last_id}")


def _count(number: int) -> str:
    return "1 input" if number == 1 else f"{number} inputs"
