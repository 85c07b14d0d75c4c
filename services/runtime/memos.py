"""Runs that may serve again: what the read models know of them, as the domain's values."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import orjson

from domain.errors import NotFound
from domain.execution.commands import Reuse
from domain.execution.events import AttemptResult
from domain.execution.job import Job
from services.runtime.log import Ref
from services.runtime.messages import BlobRef
from services.runtime.plain import from_plain
from services.runtime.service import Context


async def reusable(context: Context, account: str, keys: Sequence[str]) -> Mapping[str, Reuse]:
    """By memo key: a run that succeeded and whose files are kept.

    That the store is asked for the files keeps them until it stands in the log that somebody needs them again.
    """
    known = await context.queries.memo(account, sorted(set(keys)))
    found = {key: Reuse(id, from_plain(AttemptResult, result)) for key, (id, result) in known.items()}
    blobs = {key: await _blobs(context, account, reuse.result) for key, reuse in found.items()}
    asked = [BlobRef(sha256, 0) for sha256 in sorted(set().union(*blobs.values()))]
    missing = {blob.sha256 for blob in await context.shell.store.missing(account, asked)} if asked else set()
    return {key: reuse for key, reuse in found.items() if not blobs[key] & missing}


async def _blobs(context: Context, account: str, result: AttemptResult) -> set[str]:
    """All that a result names; of many outputs the list and, where it is there, what it lists."""
    listing, archive = result.outputs.manifest, result.log.archive
    found = {entry.sha256 for entry in result.outputs.entries} | {each for each in (listing, archive) if each}
    if listing:
        with contextlib.suppress(NotFound):
            pieces = [piece async for piece in context.shell.store.open(account, listing)]
            found |= {entry["sha256"] for entry in orjson.loads(b"".join(pieces))}
    return found


async def last_run(context: Context, account: str, script_path: str, before: int) -> tuple[str, Job] | None:
    """The last execution of the script at that path that was submitted before that position; None when there is none."""
    id = await context.queries.last_of_script(account, script_path, before)
    if id is None:
        return None
    state = await context.state(Ref(account, "execution", id))
    return (id, state.job) if state.job is not None else None
