"""The sandboxes of this machine, each with and without control groups where it can have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runner.node import programs
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.choose import choose
from services.runner.sandbox.find_cgroup import find_groups
from tests.services.runner.boxes import Boxes


@pytest.fixture
def groups() -> Groups:
    """Control groups; skipped where they cannot be written."""
    found, why = find_groups("tests")
    if found is None:
        pytest.skip(f"{why}; run the tests as root, or in a delegated group")
    return found


@pytest.fixture(params=["bubblewrap", "process"])
async def boxes(request: pytest.FixtureRequest, tmp_path: Path) -> Boxes:
    """Either sandbox, with control groups where they can be written."""
    if request.param == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    choice = await choose(request.param, tmp_path, find_groups("tests")[0], programs())
    return Boxes(choice.sandbox, tmp_path)


@pytest.fixture(params=["bubblewrap", "process"])
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Boxes:
    """Either sandbox, without control groups."""
    if request.param == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    choice = await choose(request.param, tmp_path, None, programs())
    return Boxes(choice.sandbox, tmp_path)


@pytest.fixture
async def bubblewrap(needs_bubblewrap: None, tmp_path: Path) -> Boxes:
    choice = await choose("bubblewrap", tmp_path, find_groups("tests")[0], programs())
    return Boxes(choice.sandbox, tmp_path)
