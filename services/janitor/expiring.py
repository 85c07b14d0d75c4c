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
    """How many. Raises Unavailable; what was recorded by then stays so."""
    count = 0
    while True:
        await caught_up(context)
        due = await context.queries.expired(context.now_us(), limit=PAGE)
        gone = await asyncio.gather(*(_one(context, *each) for each in due))
        count += sum(gone)
        if not any(gone):
            return count


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
