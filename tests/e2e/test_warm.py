"""Warm starts through the whole grid: the second run of a kind is forked, unless somebody does not want it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.fixtures.grid import GridUnderTest


def sandbox_of(grid: GridUnderTest, script: Path, *more: str) -> str:
    execution = grid.rgrid("run", "-d", *more, str(script), check=True).stdout.strip()
    grid.rgrid("wait", execution, check=True)
    found: str = json.loads(grid.rgrid("status", "--json", execution, check=True).stdout)["attempts"][0]["sandbox"]
    return found


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "hello.py"
    path.write_text("print('hello')\n")
    return path


def test_runs_become_warm_and_stay_cold_on_demand(needs_bubblewrap: None, grid: GridUnderTest, script: Path) -> None:
    deadline = time.monotonic() + 60
    while (found := sandbox_of(grid, script)) != "bubblewrap+warm" and time.monotonic() < deadline:
        assert found == "bubblewrap"
    assert found == "bubblewrap+warm"
    assert sandbox_of(grid, script, "--cold") == "bubblewrap"
