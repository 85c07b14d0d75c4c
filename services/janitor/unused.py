"""Throws away the environments that nobody has used for long: on nodes, and their archives in the store."""

from __future__ import annotations

from domain.environment.commands import InvalidateEnvironment
from domain.errors import Conflict, DamagedHistory, HistoryLost, Refused
from domain.ids import id_from
from domain.retention import DAY_US
from services.janitor.expiring import caught_up
from services.runtime.log import Ref
from services.runtime.service import Context

UNUSED_DAYS = 30
PAGE = 100


async def prune(context: Context) -> int:
    """How many. Raises Unavailable; what was recorded by then stays so."""
    count, stay = 0, set[tuple[str, str]]()
    since_us = context.now_us() - UNUSED_DAYS * DAY_US
    while True:
        await caught_up(context)
        found = await context.queries.unused_environments(since_us, limit=PAGE + len(stay))
        due = [each for each in found if each[:2] not in stay]
        if not due:
            return count
        for account, id, used_us in due:
            stay.add((account, id))
            count += await _one(context, Ref(account, "environment", id), used_us)


async def _one(context: Context, ref: Ref, used_us: int) -> bool:
    name = id_from("cmd", "janitor", "prune", ref.account, ref.id, str(used_us))
    try:
        return bool((await context.handle(ref, InvalidateEnvironment("janitor", pruned=True), command_id=name)).events)
    except HistoryLost:
        raise
    except (Refused, Conflict, DamagedHistory) as error:
        context.logger.warning("%s stays: %s", ref.id, error.message)
        return False
