"""The gateway as the process it is: `python -m gateway`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from projections.database import Database
from projections.store import Projector
from services.runtime.bus import Bus
from tests.fixtures.nats import NatsServer


async def _never(poison: object) -> None:
    raise AssertionError(poison)


async def start(nats: NatsServer, dsn: str, folder: Path, **more: str) -> tuple[asyncio.subprocess.Process, str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_")}
    given = {
        "RGRID_HOME": str(folder),
        "RGRID_NATS_URL": nats.url,
        "RGRID_NATS_USER": nats.user,
        "RGRID_NATS_PASSWORD": nats.password,
        "RGRID_POSTGRES_DSN": dsn,
        "RGRID_URL_KEY": "cd" * 32,
        "RGRID_GATEWAY_PORT": str(port),
        **more,
    }
    command = (sys.executable, "-P", "-m", "gateway")
    process = await asyncio.create_subprocess_exec(
        *command, env={**clean, **given}, cwd=Path(__file__).parents[2], stderr=asyncio.subprocess.PIPE
    )
    return process, f"http://127.0.0.1:{port}"


async def status_of(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def test_it_gets_ready_and_stops_on_a_signal(
    nats_server: NatsServer, bus: Bus, postgres_dsn: str, tmp_path: Path
) -> None:
    process, url = await start(nats_server, postgres_dsn, tmp_path)
    try:
        for _ in range(400):
            if await status_of(f"{url}/healthz") == 200:
                break
            await asyncio.sleep(0.05)
        assert await status_of(f"{url}/readyz") == 503
        async with Database(postgres_dsn) as database:
            await Projector(database, _never).prepare()
        assert await status_of(f"{url}/readyz") == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) in (0, -signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_wrong_setting_is_named_and_nothing_starts(nats_server: NatsServer, tmp_path: Path) -> None:
    process, _ = await start(nats_server, "postgresql://x", tmp_path, RGRID_GATEWAY_PROT="1")
    _, words = await process.communicate()
    assert process.returncode == 1
    assert b"RGRID_GATEWAY_PORT" in words and b"Traceback" not in words
