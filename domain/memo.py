"""When two jobs are the same run: the key of memoization, part by part, so that it can be shown why one was not reused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from domain.execution.job import Job
from domain.files import FileSet


def memo_parts(job: Job) -> Mapping[str, str]:
    """The hash of everything that a script can see of its job, by part: script, environment, inputs, arguments, settings.

    What the nodes have (the interpreter, the platform, the images of runtimes) is looked at when a run is to serve again.
    Limits of cpu, memory and time are not part of it: a run that succeeded did so within them.
    """
    script = (job.script.path, job.script.sha256, job.runtime)
    return {
        "script": _digest_again(script),
        "environment": _digest_again(_environment(job)),
        "inputs": _digest([_files(job.inputs), _files(job.shared)]),
        "arguments": _digest_again(job.args),
        "settings": _digest_again(_settings(job)),
    }


def memo_key(job: Job) -> str:
    """One hash of all parts."""
    return _digest(sorted(memo_parts(job).items()))


def stands_still(job: Job) -> bool:
    """Whether what it runs in is the same tomorrow: the name of an image can be given to another one, its digest cannot."""
    return not job.image or "@sha256:" in job.image


def differing(job: Job, other: Job) -> list[str]:
    """The parts in which two jobs differ; none when one run can stand for the other."""
    parts = memo_parts(other)
    return [part for part, digest in memo_parts(job).items() if parts[part] != digest]


def _environment(job: Job) -> tuple[object, ...]:
    """Empty for the interpreter alone, as it was before there were environments."""
    found = job.environment
    packages = (found.kind, found.lock.sha256, found.builds) if found else ()
    return (*packages, job.interpreter, job.image) if found or job.interpreter or job.image else ()


def _settings(job: Job) -> tuple[object, ...]:
    plain = (tuple(sorted(job.env.items())), job.network)
    return (*plain, tuple((each.name, each.form, each.version) for each in job.secrets)) if job.secrets else plain


def _files(files: FileSet) -> Iterable[object]:
    entries = [[entry.path, entry.sha256, entry.mode & 0o111] for entry in files.entries]
    entries.sort()
    return [files.manifest, entries]


@lru_cache(maxsize=1024)
def _digest_again(value: tuple[object, ...]) -> str:
    """Of a part that the members of a batch mostly have in common."""
    return _digest(value)


def _digest(value: object) -> str:
    return hashlib.sha256(_JSON(value).encode()).hexdigest()


_JSON = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
