"""One runner for every sandbox of this machine, which all attacks of the session have to leave whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fixtures.needs import NEEDS, is_here, required
from tests.hostile.arena import Arena, arena
from tests.hostile.attacks import Attack

SANDBOXES = {"bubblewrap": "bubblewrap", "warm": "bubblewrap", "docker": "docker", "process": "cgroup"}
"""What each needs of the machine."""


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=list(SANDBOXES))
async def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """A runner with a neighbour in it, for the whole session."""
    for need in {SANDBOXES[request.param], "cgroup"}:
        if not is_here(need):
            (pytest.fail if need in required() else pytest.skip)(f"needs {need}: {NEEDS[need][1]}")
    async with arena(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def ring(sandbox: Arena, request: pytest.FixtureRequest) -> Arena:
    """The arena of an attack; skipped where its sandbox does not claim to keep the attack."""
    attack = request.getfixturevalue("attack") if "attack" in request.fixturenames else None
    if isinstance(attack, Attack) and sandbox.kind not in attack.where:
        pytest.skip(f"{sandbox.kind} does not claim to keep it")
    return sandbox
