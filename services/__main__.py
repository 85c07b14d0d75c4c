"""The composition root of the control plane's services: `python -m services [NAME ...]` (default: all of them)."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys

import uvloop

from domain.errors import RgridError, Unavailable
from projections.database import Database
from projections.service_queries import ServiceQueries
from services.artifacts.chosen import store_of
from services.runtime.bus import Bus
from services.runtime.connection import connect
from services.runtime.consumer import run_service
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.service import Service, Shell
from services.runtime.settings import Settings, load
from services.runtime.streams import apply_streams
from services.wiring import BY_NAME, SERVICES

logger = logging.getLogger("rgrid.services")
STOP_SECONDS_MAX = 15.0
STREAMS_RETRY_SECONDS = 0.2
GARBAGE_MIN = 20_000
"""Objects made before cycles among them are looked for: events and rows hold none, and thousands of them live on."""


async def main(settings: Settings, services: tuple[Service, ...]) -> int:
    """Run `services` until SIGTERM or SIGINT (0), or until one of them must not go on (1)."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    bus = await connect(settings, name="services")
    try:
        await _streams(bus)
        async with Database(settings.postgres_dsn) as database:
            store = store_of(settings)
            queries = ServiceQueries(database)
            log = JetStreamLog(bus, remembered=queries.position)
            shell = Shell(bus, Handler(log), queries, settings, store=store, decoded=log.decoded)
            gc.freeze()
            gc.set_threshold(GARBAGE_MIN)
            return await _run(services, shell, stop)
    finally:
        await bus.close()


async def _streams(bus: Bus) -> None:
    """Bring the streams to what is declared, as soon as JetStream answers."""
    while True:
        try:
            for change in await apply_streams(bus):
                logger.info("streams: %s", change)
            return
        except Unavailable as error:
            logger.warning("the streams wait: %s", error.message)
            await asyncio.sleep(STREAMS_RETRY_SECONDS)


async def _run(services: tuple[Service, ...], shell: Shell, stop: asyncio.Event) -> int:
    """All of them, each a task; the end of one ends all, and the supervisor starts the process again."""
    tasks = [asyncio.create_task(run_service(service, shell, stop), name=service.name) for service in services]
    logger.info("running: %s", ", ".join(service.name for service in services))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done() and task.exception() is not None]
    stop.set()
    await asyncio.wait(tasks, timeout=STOP_SECONDS_MAX)
    for task in failed:
        logger.error("%s ended: %r", task.get_name(), task.exception())
    return 1 if failed else 0


def chosen(names: list[str]) -> tuple[Service, ...]:
    """The services called `names`, all of them when none is named. Exits with a sentence for an unknown name."""
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        sys.exit(f"There is no service {unknown[0]!r}. There are: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in names) or SERVICES


if __name__ == "__main__":
    try:
        given = load(os.environ)
        logging.basicConfig(level=given.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        uvloop.install()
        sys.exit(asyncio.run(main(given, chosen(sys.argv[1:]))))
    except RgridError as error:
        sys.exit(f"{error.code}: {error.message}")
