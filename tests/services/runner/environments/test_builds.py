"""Packages without a wheel: built when that is allowed, in the node's sandbox, and never outside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.runner.environments.folder import MANIFEST
from services.runner.sandbox.box import BOX_UID
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid, Make

IMPORT = "import thing; print(thing.MADE_BY)"


@pytest.fixture(params=["bubblewrap", "process"])
async def builder(make_grid: Make, shop: Shop, request: pytest.FixtureRequest) -> Grid:
    """A node whose shop lies in a folder of its own instead of behind an index."""
    if request.param == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    return await make_grid(request.param)


async def test_it_is_built_in_the_box(builder: Grid, shop: Shop) -> None:
    shop.sdist("thing")
    shop.wheel("other")
    environment = await python(builder, shop.lock("thing", "other"), builds=True)
    execution, result = await builder.run(IMPORT, environment=environment)
    assert result.status == "succeeded", (result, builder.log(execution, "stderr"))
    [kept] = builder.node.environments.kept()
    folder = builder.folder / "environments" / kept.id
    if builder.sandbox.kind == "bubblewrap":
        assert builder.log(execution, "stdout") == f"{BOX_UID} True\n".encode()
    assert {path.lstat().st_uid for path in folder.rglob("*")} == {os.geteuid()}
    assert list(folder.rglob("thing.cpython-*.pyc"))
    assert kept.manifest.packages == 2
    assert (folder / MANIFEST).is_file()


async def test_a_build_that_fails_says_why(builder: Grid, shop: Shop) -> None:
    shop.sdist("thing", prologue="raise SystemExit('no compiler here')")
    environment = await python(builder, shop.lock("thing"), builds=True)
    _, result = await builder.run(IMPORT, environment=environment)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED")
    assert "thing" in result.reason.message
    assert "no compiler here" in result.reason.message
    left = [path.name for path in (builder.folder / "environments").iterdir() if path.name.startswith("env_")]
    assert not left


@pytest.mark.parametrize("builder", ["bubblewrap"], indirect=True)
@pytest.mark.parametrize("what", ["link", "fifo", "bin"])
async def test_what_a_build_leaves_behind_is_not_trusted(builder: Grid, shop: Shop, what: str) -> None:
    """Its code runs where the environment comes to be, and may put there what it likes."""
    tricks = {
        "link": "os.symlink('/etc/passwd', 'PLACE/passwd')",
        "fifo": "os.mkfifo('PLACE/pipe')",
        "bin": "os.symlink('/usr/bin', 'PLACE/bin')",
    }
    trick = f"os.makedirs('/work/made', exist_ok=True); {tricks[what].replace('PLACE', '/work/made')}"
    shop.sdist("thing", prologue=trick)
    shop.wheel("other", other="def hello(): pass")
    environment = await python(builder, shop.lock("thing"), builds=True)
    _, result = await builder.run(IMPORT, environment=environment)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED"), result
    assert Path("/usr/bin/env").exists()
    assert not builder.node.environments.kept()
