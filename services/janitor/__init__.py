"""Clears away what nobody will ask for again: files and logs past their time, environments and blobs that nobody needs,
unfinished uploads."""

from __future__ import annotations

import asyncio

from domain.environment.commands import InvalidateEnvironment
from domain.errors import Unavailable
from domain.execution.commands import ExpireArtifacts
from services.janitor.clearing import clear
from services.janitor.expiring import expire
from services.janitor.unused import UNUSED_DAYS, prune
from services.runtime.service import Context, Service

SWEEP_SECONDS = 3600.0


async def run(context: Context) -> None:
    """Sweep at the start and every hour; what fails for want of a server or a disk is tried again then."""
    while True:
        for sweep in (_parts, _expired, _pruned, _cleared):
            try:
                await sweep(context)
            except (OSError, Unavailable) as error:
                context.logger.warning("A sweep was cut short and is done again: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


async def _parts(context: Context) -> None:
    if swept := await context.shell.store.sweep_parts():
        context.logger.info("Removed %d parts of uploads that nobody went on with.", swept)


async def _expired(context: Context) -> None:
    if count := await expire(context):
        context.logger.info("The files of %d executions are past their time.", count)


async def _pruned(context: Context) -> None:
    if count := await prune(context):
        context.logger.info("Threw away %d environments that nobody used for %d days.", count, UNUSED_DAYS)


async def _cleared(context: Context) -> None:
    cleared = await clear(context)
    if cleared.blobs:
        context.logger.info("Removed %d blobs that nobody needs, %d bytes.", cleared.blobs, cleared.size_bytes)


SERVICE = Service(name="janitor", consumes=(), sends=(ExpireArtifacts, InvalidateEnvironment), start=run)
