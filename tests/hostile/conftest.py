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


@pytest_asyncio.fixture(scope="package", loop_scope="session", params=list(SANDBOXES))
async def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    """A runner with a neighbour in it, for all attacks that follow one another: what nobody listens to is lost meanwhile."""
    for need in {SANDBOXES[request.param], "cgroup"}:
        if not is_here(need):
            (pytest.fail if need in required() else pytest.skip)(f"needs {need}: {NEEDS[need][1]}")
    async with arena(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def ring(sandbox: Arena) -> Arena:
    """The arena of an attack."""
    return sandbox


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a sandbox does not claim to keep: by its attack, or by the mark `kept_by` of a test."""
    left = [item for item in items if not _claimed(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if _claimed(item)]


def _claimed(item: pytest.Item) -> bool:
    params = item.callspec.params if hasattr(item, "callspec") else {}
    attack, mark = params.get("attack"), item.get_closest_marker("kept_by")
    where = attack.where if isinstance(attack, Attack) else mark.args if mark else ()
    return "sandbox" not in params or not where or params["sandbox"] in where
