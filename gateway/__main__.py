"""`python -m gateway`: one process, one worker, until SIGTERM. Servers that are away are waited for, not died of."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from domain.errors import RgridError
from gateway.app import create_app
from gateway.auth import Keys
from gateway.manifests import Manifests
from gateway.parts import Parts
from gateway.stream.room import StreamRoom
from gateway.tickets import Tickets
from gateway.vault import Vault
from projections.database import Database
from projections.queries import Queries
from services.artifacts.chosen import store_of
from services.runtime.bus import Bus
from services.runtime.connection import connect
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.locks import Locks
from services.runtime.log_stored import LogChunks
from services.runtime.sealing import Sealer
from services.runtime.secret_store import SecretStore
from services.runtime.settings import Settings, load

SHUTDOWN_SECONDS_MAX = 3
PING_SECONDS, PING_TIMEOUT_SECONDS = 20.0, 120.0
"""A reader that is slow answers pings late; one that is gone is noticed all the same."""
MESSAGE_BYTES_MAX = 64 * 1024
CONNECTIONS_WAITING_MAX = 1024
GARBAGE_MIN = 20_000
"""Objects made before cycles among them are looked for: a request makes thousands that hold none."""
LOG_RETRY_SECONDS = 3.0
"""A person waits for the answer, so NATS is not waited for as long as a service would."""


def composed(settings: Settings, bus: Bus, database: Database) -> Parts:
    """All parts over one connection to NATS and one to Postgres."""
    queries = Queries(database)
    log = JetStreamLog(bus, retry_seconds_max=LOG_RETRY_SECONDS, remembered=queries.position)
    store, handler = store_of(settings), Handler(log)
    return Parts(
        settings=settings,
        bus=bus,
        log=log,
        handler=handler,
        queries=queries,
        store=store,
        manifests=Manifests(store),
        locks=Locks(),
        chunks=LogChunks(bus),
        streams=StreamRoom(),
        keys=Keys(queries, log),
        tickets=Tickets(),
        vault=Vault(SecretStore(bus), Sealer(settings), handler),
        started_at=time.time(),
    )


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.gateway_host,
        port=settings.gateway_port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=CONNECTIONS_WAITING_MAX,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
    )


async def serve(settings: Settings) -> None:
    """Until a signal."""
    bus = await connect(settings, name="gateway")
    database = Database(settings.postgres_dsn)
    parts = composed(settings, bus, database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What lives now lives for ever: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_MIN)
        yield

    server = uvicorn.Server(server_config(create_app(parts, lifespan), settings))
    try:
        await server.serve()
    finally:
        await parts.queries.close()
        await database.close()
        parts.store.close()
        await bus.close()


def main() -> int:
    try:
        settings = load(os.environ)
        for name in ("nats_url", "postgres_dsn", "url_key"):
            if not getattr(settings, name):
                print(f"The gateway needs RGRID_{name.upper()}. To start a whole grid: rgrid up", file=sys.stderr)
                return 2
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings))
    except RgridError as error:
        print(error.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
