"""Packages through the whole grid: built once, fetched where the disk is empty, built anew where a build was cut off."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest
from tests.services.runner.environments.wheels import Shop

SCRIPT = '# /// script\n# dependencies = ["thing==1.0"]\n# ///\nimport thing; print(thing.VALUE, {number})\n'


@pytest.fixture
def shop_grid(new_grid: Callable[..., GridUnderTest], tmp_path: Path) -> GridUnderTest:
    """A grid whose packages come from a folder."""
    shop = Shop(tmp_path / "shop")
    shop.wheel("thing")
    return new_grid(UV_FIND_LINKS=str(shop.folder), UV_NO_INDEX="1", PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="").up()


def run(grid: GridUnderTest, folder: Path, number: int) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(SCRIPT.format(number=number))
    return grid.rgrid("run", "script.py", cwd=folder)


def environments(grid: GridUnderTest) -> Path:
    return grid.home / "node" / "local-1" / "environments"


def said(grid: GridUnderTest, words: str) -> int:
    return grid.log("runner").count(words)


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_node_that_lost_its_disk_fetches_what_it_had_built(shop_grid: GridUnderTest, tmp_path: Path) -> None:
    grid = shop_grid
    for number in (1, 2):
        done = run(grid, tmp_path, number)
        assert (done.returncode, done.stdout) == (0, f"42 {number}\n"), done.stderr
    assert (said(grid, " built in "), said(grid, " fetched in ")) == (1, 0)
    grid.down()
    shutil.rmtree(environments(grid))
    grid.up()
    done = run(grid, tmp_path, 3)
    assert (done.returncode, done.stdout) == (0, "42 3\n"), done.stderr
    assert said(grid, " fetched in ") == 1


def test_a_runner_that_is_killed_while_it_builds_builds_again(shop_grid: GridUnderTest, tmp_path: Path) -> None:
    """Whatever the kill left is gone, and the run ends as if nothing had been."""
    grid = shop_grid
    (tmp_path / "script.py").write_text(SCRIPT.format(number=1))
    command = ["run", "script.py", "--detach"]
    done = grid.rgrid(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    until(lambda: list(environments(grid).glob(".env_*")) or list(environments(grid).glob("env_*")))
    grid.kill("runner")
    ended = grid.rgrid("wait", "@last")
    assert ended.returncode == 0, ended.stderr
    assert grid.rgrid("logs", "@last", "--stream", "stdout").stdout == "42 1\n"
    assert not list(environments(grid).glob(".env_*"))
    assert len(list(environments(grid).glob("env_*"))) == 1
