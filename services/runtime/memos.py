"""Runs that may serve again: what the read models know of them, as the domain's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.execution.commands import Reuse
from domain.execution.events import AttemptResult
from domain.execution.job import Job
from services.runtime.log import Ref
from services.runtime.plain import from_plain
from services.runtime.service import Context


async def reusable(context: Context, account: str, keys: Sequence[str]) -> Mapping[str, Reuse]:
    """By memo key: a run that succeeded and whose files are kept."""
    found = await context.queries.memo(account, sorted(set(keys)))
    return {key: Reuse(id, from_plain(AttemptResult, result)) for key, (id, result) in found.items()}


async def last_run(context: Context, account: str, script_path: str, before: int) -> tuple[str, Job] | None:
    """The last execution of the script at that path that was submitted before that position; None when there is none."""
    id = await context.queries.last_of_script(account, script_path, before)
    if id is None:
        return None
    state = await context.state(Ref(account, "execution", id))
    return (id, state.job) if state.job is not None else None
