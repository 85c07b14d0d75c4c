"""A sandbox with zygotes, and beside it the cold one that it must not differ from."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.runner.interpreters import interpreters
from services.runner.sandbox.box import Running
from services.runner.sandbox.choose import choose
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.warm.warm import Warm, warmed
from tests.services.runner.boxes import Scripts
from tests.services.runner.conftest import NODES

MORE = tuple(path for minor in range(12, 16) if (path := shutil.which(f"python3.{minor}")))
"""Further Pythons of this machine."""


@pytest.fixture
async def warm(needs_bubblewrap: None, tmp_path: Path) -> AsyncIterator[Scripts]:
    groups = find_groups(NODES[0])[0]
    choice = await choose("bubblewrap", tmp_path, groups, interpreters(MORE))
    sandbox = warmed(choice.sandbox, tmp_path, groups)
    assert isinstance(sandbox, Warm)
    yield Scripts(sandbox, tmp_path)
    await sandbox.close()


@pytest.fixture
async def bare_warm(needs_bubblewrap: None, tmp_path: Path) -> AsyncIterator[Scripts]:
    """Without control groups."""
    choice = await choose("bubblewrap", tmp_path, None, interpreters())
    sandbox = warmed(choice.sandbox, tmp_path, None)
    assert isinstance(sandbox, Warm)
    yield Scripts(sandbox, tmp_path)
    await sandbox.close()


@pytest.fixture
def nest_of(warm: Scripts) -> Warm:
    assert isinstance(warm.sandbox, Warm)
    return warm.sandbox


async def until_said(running: Running, word: bytes) -> None:
    """Until its stdout has said `word`."""
    said = b""
    async with asyncio.timeout(30):
        while word not in said:
            try:
                said += os.read(running.stdout, 4096)
            except BlockingIOError:
                await asyncio.sleep(0.01)
