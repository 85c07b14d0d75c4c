"""Records of what has ended long enough ago, by the policy of its project, that its files and logs are not kept any longer."""

from __future__ import annotations

import asyncio

from domain.errors import Conflict, DamagedHistory, HistoryLost, Refused, Unavailable
from domain.execution.commands import ExpireArtifacts
from domain.ids import id_from
from services.runtime.log import Ref
from services.runtime.log_purge import purge_log
from services.runtime.service import Context

PAGE = 100
"""So many are decided about by one look at the policies."""
BEHIND_SECONDS_MAX = 60.0
"""Longer than this nobody waits for a read model that is behind."""


async def expire(context: Context) -> int:
    """How many (what another janitor records at the same moment may count for both). Raises Unavailable; what was recorded
    by then stays so.

    What cannot be recorded stays due and comes first again: it is looked past, so that it holds up nothing behind it.
    """
    count = 0
    staying: set[tuple[str, str, int]] = set()
    while True:
        await caught_up(context)
        found = await context.queries.expired(context.now_us(), limit=PAGE + len(staying))
        due = [each for each in found if each not in staying]
        if not due:
            return count
        gone = await asyncio.gather(*(_one(context, *each) for each in due))
        count += sum(gone)
        staying.update(each for each, went in zip(due, gone, strict=True) if not went)


async def caught_up(context: Context) -> None:
    """The read models know all that stands in the log now: a policy, a retry, a submit of a moment ago. Raises Unavailable."""
    await context.queries.wait_for(await context.log.last_position(), BEHIND_SECONDS_MAX)


async def _one(context: Context, account: str, execution: str, kept_until_us: int) -> bool:
    """False when it was recorded before, or when it was retried meanwhile: then it needs its files again."""
    ref = Ref(account, "execution", execution)
    command = ExpireArtifacts(kept_until_us)
    name = id_from("cmd", "janitor", "expire", account, execution, str(kept_until_us))
    try:
        handled = await context.handle(ref, command, command_id=name)
    except HistoryLost:
        raise
    except (Refused, Conflict, DamagedHistory) as error:
        context.logger.warning("%s keeps its files: %s", execution, error.message)
        return False
    try:
        await purge_log(context.bus, account, execution)
    except Unavailable as error:
        context.logger.warning("The log of %s stays until it is too old for its stream: %s", execution, error)
    return bool(handled.events)
