"""Reach into a grid as an operator could: its NATS as the control plane or as a node, through its own secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.bus import Bus
from services.runtime.connection import connect
from tests.fixtures.grid import GridUnderTest


def nats_port(grid: GridUnderTest) -> int:
    return int(json.loads((grid.home / "ports.json").read_text())["nats-server"])


@asynccontextmanager
async def control(grid: GridUnderTest) -> AsyncIterator[Bus]:
    """A connection that may do what the services may."""
    secrets = json.loads((grid.home / "secrets.json").read_text())
    bus = await connect(f"nats://127.0.0.1:{nats_port(grid)}", "control", secrets["nats_control"], wait_seconds=20)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def node(grid: GridUnderTest, node_id: str = "local-1") -> AsyncIterator[Bus]:
    """A connection with the credential of a node, as a thief of it would make it."""
    secrets = json.loads((grid.home / "secrets.json").read_text())
    url = f"nats://127.0.0.1:{nats_port(grid)}"
    bus = await connect(url, node_id, secrets["nats_node"], inbox_prefix=f"_INBOX_{node_id}", wait_seconds=20)
    try:
        yield bus
    finally:
        await bus.close()


def doctor(grid: GridUnderTest) -> dict[str, dict[str, str]]:
    """What `rgrid doctor` finds, by name of the check."""
    found = json.loads(grid.rgrid("doctor", "--json").stdout)
    return {each["name"]: each for each in found["checks"]}
