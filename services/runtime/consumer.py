"""Runs one service from its declaration: a consumer per stream that it consumes from, and its own loop beside them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from domain.catalog import TYPE_NAMES
from domain.errors import HistoryLost
from services.runtime import subjects
from services.runtime.reactions import INFRASTRUCTURE, PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX, Reactions
from services.runtime.service import Context, Service, Shell, Undeclared

log = logging.getLogger("rgrid.service")

PAUSE_SECONDS_AWAY = 0.2
"""Between two looks for a server that is away: a grid that starts must not sleep while its Postgres is up already."""

STEADY_SECONDS = 60.0
"""A loop that ran so long was well: its next fault is a first one again."""


async def run_service(service: Service, shell: Shell, stop: asyncio.Event) -> None:
    """Run `service` until `stop` is set. Raises Undeclared and HistoryLost, which must not be survived."""
    halt = asyncio.Event()
    parts = [each.run(halt) for each in reactions(service, shell)]
    if service.start is not None:
        parts.append(_keep_running(service, shell, service.start, halt))
    tasks = [asyncio.create_task(part, name=service.name) for part in parts]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        halt.set()
        stopping.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            log.error("%s is stopped: %s", service.name, result)
            raise result


def reactions(service: Service, shell: Shell) -> list[Reactions]:
    """A consumer per stream that the service consumes from."""
    events = [subjects.event_filter(each) for each in service.consumes if each in TYPE_NAMES]
    facts = [subjects.report_filter(each) for each in service.consumes if each in subjects.FACT_VERBS]
    if len(events) + len(facts) != len(service.consumes):
        raise Undeclared(f"{service.name} consumes what is neither an event nor a fact")
    streams = ((subjects.EVENTS, events), (subjects.REPORTS, facts))
    return [Reactions(service, shell, stream, filters) for stream, filters in streams if filters]


async def _keep_running(
    service: Service, shell: Shell, start: Callable[[Context], Awaitable[None]], halt: asyncio.Event
) -> None:
    """`start` again whenever it fails, until it ends by itself or `halt` is set."""
    pause, told = PAUSE_SECONDS_FIRST, ""
    halting = asyncio.create_task(halt.wait())
    while not halt.is_set():
        began = time.monotonic()
        running = asyncio.ensure_future(start(Context(service, shell)))
        await asyncio.wait([running, halting], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
        try:
            await running
            return
        except asyncio.CancelledError:
            return
        except (Undeclared, HistoryLost):
            raise
        except INFRASTRUCTURE as error:
            if str(error) != told:
                log.warning("%s: starts again: %s", service.name, error)
            told, pause = str(error), min(pause, PAUSE_SECONDS_AWAY)
        except Exception:
            log.exception("%s: its loop failed; it starts again", service.name)
        if time.monotonic() - began > STEADY_SECONDS:
            pause = PAUSE_SECONDS_FIRST
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(halt.wait(), pause)
        pause = min(2 * pause, PAUSE_SECONDS_MAX)
