"""Containers of the machine's engine, opened as a runner opens them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.docker.sandbox import Docker, open_docker
from services.runner.sandbox.find_cgroup import find_groups
from tests.fixtures.docker import docker
from tests.services.runner.boxes import Boxes

NODE = f"tests-docker-{os.getpid()}"
Open = Callable[..., Awaitable["Opened"]]


@dataclass
class Opened:
    """A sandbox of containers and what runs snippets in it."""

    sandbox: Docker
    boxes: Boxes


@pytest.fixture
async def open_containers(needs_docker: None, known_images: Path, tmp_path: Path) -> AsyncIterator[Open]:
    """`await open_containers(groups=False, images=(...), pulls=False)`; closed in the end. `fresh`: nothing is known."""
    opened: list[Docker] = []
    found, _ = find_groups(NODE)

    async def make(
        *, groups: bool = True, node: str = NODE, folder: Path = tmp_path, fresh: bool = False, **wanted: object
    ) -> Opened:
        if not fresh and not (folder / "images").exists():
            (folder / "images").symlink_to(known_images)
        terms = ContainersWanted(node, **wanted)  # type: ignore[arg-type]
        opened.append(await open_docker(terms, folder, found if groups else None))
        return Opened(opened[-1], Boxes(opened[-1], folder))

    yield make
    for each in opened:
        await each.close()
    if found is not None:
        found.close()


@pytest.fixture
async def containers(open_containers: Open) -> Opened:
    return await open_containers()


def of_node(node: str = NODE) -> list[str]:
    """The names of a node's containers."""
    return docker("ps", "-a", "--filter", f"label=rgrid.node={node}", "--format", "{{.Names}}").stdout.split()
