"""Pushes on what a parked or forgotten reaction left behind."""

from __future__ import annotations

import logging

from domain.cost.settlement import settle
from domain.errors import HistoryLost, RgridError
from domain.execution.commands import ResolveExecution
from domain.execution.events import Lookup
from services.runtime.log import Ref
from services.runtime.service import Context

logger = logging.getLogger("rgrid.watchdog")

STALLED_SECONDS = 15.0
UNKNOWN = Lookup("miss", "the resolver did not answer in time")


async def redrive(context: Context) -> None:
    """Resolve what nobody resolved and bill what nobody billed; what fails with one stops no other."""
    before_us = context.now_us() - int(STALLED_SECONDS * 1e6)
    for account, id in await context.queries.unresolved_executions(before_us):
        await send(context, Ref(account, "execution", id), ResolveExecution(UNKNOWN, UNKNOWN, UNKNOWN))
    for account, id in await context.queries.unsettled_executions(before_us):
        await _settle(context, Ref(account, "execution", id))


async def _settle(context: Context, ref: Ref) -> None:
    try:
        state, _ = await context.load(ref)
        if state.phase == "finished":
            await context.handle(Ref(ref.account, "cost", ref.id), settle(state))
    except HistoryLost:
        raise
    except RgridError as error:
        logger.warning("%s is not billed yet: %s", ref.id, error)


async def send(context: Context, ref: Ref, command: object) -> None:
    """One command; a refusal is told and no more."""
    try:
        await context.handle(ref, command)
    except HistoryLost:
        raise
    except RgridError as error:
        logger.warning("%s of %s: %s", type(command).__name__, ref.id, error)
