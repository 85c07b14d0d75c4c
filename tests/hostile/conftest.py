"""One runner for every sandbox of this machine, which all attacks of the session have to leave whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.runner.sandbox.bubblewrap import why_not
from tests.fixtures.needs import is_here, required
from tests.hostile.arena import Arena, arena
from tests.hostile.attacks import Attack

SANDBOXES = ("bubblewrap", "process")


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=SANDBOXES)
async def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """A runner with a neighbour in it, for the whole session."""
    if request.param != "process" and (reason := why_not()):
        (pytest.fail if "bubblewrap" in required() else pytest.skip)(reason)
    if not is_here("cgroup"):
        pytest.skip("needs cgroup: run the tests as root with a writable /sys/fs/cgroup")
    async with arena(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def ring(sandbox: Arena, request: pytest.FixtureRequest) -> Arena:
    """The arena of an attack; skipped where its sandbox does not claim to keep the attack."""
    attack = request.getfixturevalue("attack") if "attack" in request.fixturenames else None
    if isinstance(attack, Attack) and sandbox.kind not in attack.where:
        pytest.skip(f"{sandbox.kind} does not claim to keep it")
    return sandbox
