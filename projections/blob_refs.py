"""Which blobs an execution or a batch needs as long as it is kept: what must not be deleted from the store.

A reference is `<sha256>`, or `<kind>:<sha256>` for a blob that lists others: `manifest` (files), `members` (of a batch).
"""

from __future__ import annotations

from domain.batch.events import BatchSubmitted
from domain.execution.events import AttemptResult, ExecutionSubmitted
from domain.execution.job import Job
from domain.files import FileSet


def own_blobs(event: ExecutionSubmitted) -> list[str]:
    """Script and inputs; a member of a batch names only its own, the rest is held by the batch for all of them."""
    job = event.job
    if event.batch_id:
        return distinct(_files(job.inputs))
    return distinct([*_common(job), *_files(job.inputs)])


def shared_blobs(event: BatchSubmitted) -> list[str]:
    """The list of the members, and what all of them have in common."""
    job = event.job
    members = f"members:{event.members.sha256}"
    return distinct([members, *_common(job), *_files(job.inputs)])


def result_blobs(result: AttemptResult) -> list[str]:
    """Outputs and the archived log of an attempt."""
    archive = result.log.archive
    return [*_files(result.outputs), *([archive] if archive else ())]


def distinct(references: list[str]) -> list[str]:
    return list(dict.fromkeys(references))


def _common(job: Job) -> list[str]:
    """What the members of a batch share."""
    lock = [job.environment.lock.sha256] if job.environment else []
    return [job.script.sha256, *lock, *_files(job.shared)]


def _files(files: FileSet) -> list[str]:
    hashes = [entry.sha256 for entry in files.entries]
    return [*hashes, f"manifest:{files.manifest}"] if files.manifest else hashes
