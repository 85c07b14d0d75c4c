"""Clears away what nobody will ask for again: the parts of uploads that were never finished."""

from __future__ import annotations

import asyncio

from services.runtime.service import Context, Service

SWEEP_SECONDS = 3600.0


async def run(context: Context) -> None:
    """Sweep at the start and every hour; a disk that fails is tried again then."""
    while True:
        try:
            swept = await context.shell.store.sweep_parts()
        except OSError as error:
            context.logger.warning("The artifact store could not be swept: %s", error)
        else:
            if swept:
                context.logger.info("Removed %d parts of uploads that nobody went on with.", swept)
        await asyncio.sleep(SWEEP_SECONDS)


SERVICE = Service(name="janitor", consumes=(), sends=(), start=run)
