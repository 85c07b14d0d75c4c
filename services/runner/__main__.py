"""Composition root of a runner: `python -m services.runner`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import hashlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from domain.errors import RgridError, Unavailable
from domain.ids import id_of
from domain.node.offer import Offer
from services.runner.agent import Agent
from services.runner.blobs import BlobCache
from services.runner.download import Downloads
from services.runner.environments.environments import environments_of
from services.runner.interpreters import Interpreter, interpreters, runtimes, targets
from services.runner.journal import Journal
from services.runner.node import Node, capacity, labels
from services.runner.reports import Reports
from services.runner.sandbox.box import Sandbox
from services.runner.sandbox.choose import Choice, choose
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.sandbox.metadata import blocked_for
from services.runner.upload import Uploads
from services.runner.warm.warm import Warm, warmed
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.connection import connect
from services.runtime.messages import JoinedFact
from services.runtime.settings import Settings, load
from services.runtime.versions import VERSION

log = logging.getLogger("rgrid.runner")

GARBAGE_MIN = 20_000
"""Objects made before cycles among them are looked for."""
HTTP_SECONDS = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)


async def main(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    folder = settings.home / "node" / settings.node_id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        running = asyncio.create_task(_run(settings, folder, stop))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not running.done() and not _joined.is_set():
            running.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


_joined = asyncio.Event()


async def _run(settings: Settings, folder: Path, stop: asyncio.Event) -> None:
    node_name = f"{settings.node_id}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    groups, why = find_groups(node_name)
    if why:
        log.warning("limits are kept by rlimits only: %s", why)
    known = interpreters(settings.pythons)
    containers = ContainersWanted(
        node_name, settings.docker_images, settings.docker_runtime, settings.docker_pull != "never"
    )
    choice = await choose(settings.sandbox, folder, groups, known, containers)
    if choice.warning:
        log.warning("%s", choice.warning)
    bus = await connect(
        settings.nats_node_url or settings.nats_url,
        settings.nats_user or settings.node_id,
        settings.nats_password,
        name=f"runner {settings.node_id}",
        inbox_prefix=subjects.inbox_prefix(settings.node_id),
    )
    sandbox = warmed(choice.sandbox, folder / "attempts", groups) if settings.warm else choice.sandbox
    async with aiohttp.ClientSession(timeout=HTTP_SECONDS, auto_decompress=False) as http:
        node = _node(settings, folder, bus, http, choice, sandbox, known)
        joined = JoinedFact(id_of("life", secrets.randbits(60)), _offer(settings.node_type, choice))
        gc.freeze()
        gc.set_threshold(GARBAGE_MIN)
        async with blocked_for(choice.sandbox.kind) as why:
            if why:
                log.warning("scripts with --network can reach the metadata address 169.254.169.254: %s", why)
            _joined.set()
            await Agent(node, Journal(folder / "journal"), joined, settings.heartbeat_seconds, groups).run(stop)
    if isinstance(sandbox, Warm):
        await sandbox.close()
    await bus.close()
    await choice.close()
    if groups is not None:
        groups.close()


def _node(
    settings: Settings,
    folder: Path,
    bus: Bus,
    http: aiohttp.ClientSession,
    choice: Choice,
    sandbox: Sandbox,
    known: tuple[Interpreter, ...],
) -> Node:
    """What every attempt works with, put together."""
    cache = BlobCache(folder / "blobs")
    reports, downloads, uploads = Reports(bus, settings.node_id), Downloads(http, cache), Uploads(http)
    environments = environments_of(
        folder / "environments",
        settings.environment_bytes_max,
        choice.sandbox,
        known,
        http,
        cache,
        downloads,
        uploads,
        reports,
    )
    return Node(
        settings.node_id,
        folder,
        bus,
        reports,
        sandbox,
        cache,
        downloads,
        uploads,
        environments,
        settings.log_bytes_max,
        settings.kill_grace_seconds,
    )


def _offer(node_type: str, choice: Choice) -> Offer:
    """What this machine has room for, and what runs on it."""
    machine = capacity()
    return Offer(
        node_type,
        machine.cpu_millis,
        machine.memory_bytes,
        choice.sandbox.kind,
        runtimes(choice.sandbox.interpreters),
        VERSION,
        labels(choice.warning),
        targets(choice.sandbox.interpreters),
    )


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runners must not share a folder."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unavailable(f"another runner works in {folder}") from None
    try:
        yield
    finally:
        os.close(lock)


def start() -> int:
    """Exit code of the process: 1, with one line on stderr, when it cannot begin."""
    try:
        settings = load(os.environ)
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(settings))
    except RgridError as error:
        print(f"runner: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(start())
