"""F21: a revoked key is refused within 5 s, also in the middle of a stream; a node's credential opens its own subjects only."""

from __future__ import annotations

import asyncio
import time
import urllib.error

import pytest
import websockets

from domain.errors import Unavailable
from services.runtime import subjects
from tests.faults.client import Client
from tests.faults.inside import control, node
from tests.faults.scripts import SLEEPER, begin
from tests.fixtures.grid import GridUnderTest

REFUSED_SECONDS_MAX = 5.0


async def test_a_key_revoked_in_the_middle_of_a_stream_is_refused(shared_grid: GridUnderTest) -> None:
    client, id = await asyncio.to_thread(begin, shared_grid, SLEEPER)
    other = client.call("POST", "/keys", {"label": "thief"})
    thief = Client(shared_grid)
    thief.key = other["key"]
    await asyncio.to_thread(client.call, "GET", f"/keys?min_seq={other['sequence']}")
    assert thief.get(id)["id"] == id
    url = client.base.replace("http", "ws", 1) + f"/executions/{id}/logs/stream"
    async with websockets.connect(url, additional_headers={"Authorization": f"Bearer {thief.key}"}) as stream:
        await stream.recv()
        await asyncio.to_thread(client.call, "DELETE", f"/keys/{other['id']}")
        async with asyncio.timeout(REFUSED_SECONDS_MAX):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await stream.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    await asyncio.to_thread(refused, thief, id)
    await asyncio.to_thread(client.call, "POST", f"/executions/{id}/cancel", {})


def refused(thief: Client, id: str) -> None:
    until = time.monotonic() + REFUSED_SECONDS_MAX
    while True:
        try:
            thief.get(id)
        except urllib.error.HTTPError as error:
            assert error.code == 401
            return
        assert time.monotonic() < until
        time.sleep(0.1)


FORBIDDEN = (
    "rgrid.report.local-9.exec_x.finished",
    "rgrid.log.local-9.local.exec_x",
    "rgrid.lease.local-9",
    "rgrid.ask.local-9.exec_x.urls",
    "rgrid.work.local-9.exec_x",
    "rgrid.ev.local.execution.exec_x.finished",
    "$JS.API.STREAM.INFO.EVENTS",
    "$JS.API.CONSUMER.MSG.NEXT.EVENTS.service-foreman",
    "$JS.API.STREAM.PURGE.WORK",
)


async def test_a_stolen_node_credential_says_nothing_for_others(shared_grid: GridUnderTest) -> None:
    async with control(shared_grid) as bus, node(shared_grid) as thief:
        for subject in FORBIDDEN:
            with pytest.raises(Unavailable):
                await thief.request(subject, b"{}", timeout=0.2)
        for stream in (subjects.EVENTS, subjects.LOGS, subjects.WORK, subjects.REPORTS, subjects.LEASES):
            for subject in FORBIDDEN:
                info = await bus.api(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
                assert not info["state"].get("subjects")


async def test_a_stolen_node_credential_hears_nothing_of_others(shared_grid: GridUnderTest) -> None:
    heard: list[str] = []

    async def on_message(message: object) -> None:
        heard.append(str(message))

    async with control(shared_grid) as bus, node(shared_grid) as thief:
        for subject in ("rgrid.>", "rgrid.work.local-2.>", "_INBOX.>", ">"):
            await thief.subscribe(subject, on_message)
        await bus.send("rgrid.live.local.exec_x.local-1", b"secret")
        await bus.publish("rgrid.lease.local-2", b"{}")
        await asyncio.sleep(0.3)
    assert heard == []
