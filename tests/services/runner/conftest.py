"""The sandboxes of this machine, each with and without control groups where it can have them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.runner.interpreters import interpreters
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.choose import choose
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.sandbox.instant import Instant
from services.runner.warm.warm import Warm, warmed
from services.runtime.bus import Bus
from tests.fixtures.nats import NatsServer
from tests.fixtures.needs import requires
from tests.services.artifacts.conftest import Address, serving
from tests.services.runner.boxes import Boxes, Scripts
from tests.services.runner.grid import Grid, Make

NODES = (f"tests-{os.getpid()}", f"tests-agent-{os.getpid()}")
"""Of this run alone: an agent ends what it finds in its node's groups, also when another run's scripts are there."""


@pytest.fixture(scope="session", autouse=True)
def no_groups_left() -> Iterator[None]:
    yield
    for node in NODES:
        found, _ = find_groups(node)
        if found is not None:
            found.close()


@pytest.fixture
def groups() -> Groups:
    """Control groups; skipped where they cannot be written."""
    found, why = find_groups(NODES[0])
    if found is None:
        pytest.skip(f"{why}; run the tests as root, or in a delegated group")
    return found


KINDS = ["bubblewrap", "warm", pytest.param("docker", marks=requires("docker")), "process"]


async def chosen(request: pytest.FixtureRequest, folder: Path, groups: Groups | None) -> AsyncIterator[Boxes]:
    kind = "bubblewrap" if request.param == "warm" else request.param
    if kind == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    if request.param == "docker":
        (folder / "images").symlink_to(request.getfixturevalue("known_images"))
    wanted = ContainersWanted(NODES[0] if groups is not None else f"{NODES[0]}-bare")
    choice = await choose(kind, folder, groups, interpreters(), wanted)
    if request.param == "warm":
        sandbox = warmed(choice.sandbox, folder, groups)
        assert isinstance(sandbox, Warm)
        yield Scripts(sandbox, folder)
        await sandbox.close()
    else:
        yield Boxes(choice.sandbox, folder)
    await choice.close()


@pytest.fixture(params=KINDS)
async def boxes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Boxes]:
    """Each sandbox, with control groups where they can be written."""
    async for found in chosen(request, tmp_path, find_groups(NODES[0])[0]):
        yield found


@pytest.fixture(params=KINDS)
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Boxes]:
    """Each sandbox, without control groups."""
    async for found in chosen(request, tmp_path, None):
        yield found


@pytest.fixture(params=["cold", "warm"])
async def bubblewrap(request: pytest.FixtureRequest, needs_bubblewrap: None, tmp_path: Path) -> AsyncIterator[Boxes]:
    """Boxes of bubblewrap, made anew for each script, and forked from a zygote."""
    groups = find_groups(NODES[0])[0]
    choice = await choose("bubblewrap", tmp_path, groups, interpreters())
    if request.param == "cold":
        yield Boxes(choice.sandbox, tmp_path)
        return
    sandbox = warmed(choice.sandbox, tmp_path, groups)
    assert isinstance(sandbox, Warm)
    yield Scripts(sandbox, tmp_path)
    await sandbox.close()


@pytest.fixture(scope="session")
def address() -> Iterator[Address]:
    """A real server for blob doors."""
    with serving() as found:
        yield found


@pytest.fixture
async def make_grid(
    nats_server: NatsServer, bus: Bus, address: Address, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Make]:
    """Makes a grid around a sandbox: `await make_grid("bubblewrap" | "process" | "instant")`.

    `begin=False` leaves out the runner: for one that runs as a process of its own.
    """
    client = address.client(tmp_path / "artifacts")
    groups, _ = find_groups(NODES[1])
    folder = tmp_path / "node"
    folder.mkdir()
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        made: list[Grid] = []

        async def make(kind: str, *, begin: bool = True, **options: Any) -> Grid:
            sandbox = Instant() if kind == "instant" else (await choose(kind, folder, groups, interpreters())).sandbox
            node_bus = await nats_server.connect_node()
            grid = Grid(bus, node_bus, client.store, client, folder, sandbox, groups, http, **options)
            made.append(grid)
            await grid.open()
            if begin:
                grid.begin()
                await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "joined"])
            return grid

        yield make
        for grid in made:
            await grid.close()
            await grid.node_bus.close()
    client.store.close()


@pytest.fixture
async def grid(needs_bubblewrap: None, make_grid: Make) -> Grid:
    return await make_grid("bubblewrap")
