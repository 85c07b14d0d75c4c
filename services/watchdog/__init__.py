"""Looks at the clock: nodes that fell silent, attempts that nobody holds, work that stalled. It re-drives, it never decides.

Everything it sends is a command like any other: what is no longer so is refused by the decider.
"""

from __future__ import annotations

import asyncio
import logging

from domain.cost.commands import FinalizeCost
from domain.errors import HistoryLost, RgridError
from domain.execution.commands import LoseExecution, ResolveExecution
from domain.node.commands import JoinNode, LoseNode
from services.runtime.nodes import leases
from services.runtime.service import Context, Service
from services.watchdog.redrive import redrive
from services.watchdog.silence import TICK_SECONDS, Silence

logger = logging.getLogger("rgrid.watchdog")

STALLED_EVERY_TICKS = 10
CONSUMERS_EVERY_TICKS = 5


async def run(context: Context) -> None:
    """Listen and tick until cancelled."""
    silence = Silence(context, asyncio.get_running_loop().time)
    joined = list(await context.queries.nodes_joined())
    forget = context.bus.on_reconnect(silence.forgive)
    try:
        async with leases(context.bus, joined, silence.heard):
            for tick in range(10**12):
                await asyncio.sleep(TICK_SECONDS)
                if not context.bus.connected:
                    silence.forgive()
                    continue
                await _tick(context, silence, tick)
    finally:
        forget()


async def _tick(context: Context, silence: Silence, tick: int) -> None:
    try:
        await silence.tick()
        if tick % STALLED_EVERY_TICKS == 0:
            await redrive(context)
        if tick % CONSUMERS_EVERY_TICKS == 0:
            # A node may not make the consumer of its work: one that was deleted (F7) would leave it idle for ever.
            for node_id in await context.queries.nodes_joined():
                await context.ensure_node(node_id)
    except HistoryLost:
        raise
    except (RgridError, OSError) as error:
        logger.warning("the watch was interrupted: %s", error)


SERVICE = Service(
    name="watchdog", consumes=(), sends=(LoseNode, LoseExecution, JoinNode, ResolveExecution, FinalizeCost), start=run
)
