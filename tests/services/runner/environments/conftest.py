"""A shop of packages of our own, the only one that uv knows of in a test that asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.execution.job import Environment
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid, Make


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    found = Shop(tmp_path / "shop")
    found.folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_FIND_LINKS", str(found.folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return found


@pytest.fixture
async def instant(make_grid: Make) -> Grid:
    """A node whose scripts end at once: what it does for their packages is real."""
    return await make_grid("instant")


async def python(grid: Grid, lock: bytes, **more: Any) -> Environment:
    """What a job says of its packages."""
    return Environment("python", await grid.put("requirements.lock", lock), **more)
