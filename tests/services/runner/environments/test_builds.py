"""Packages without a wheel: built when that is allowed, in the node's sandbox, and never outside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.runner.environments.failures import scrubbed
from services.runner.environments.folder import MANIFEST
from services.runner.environments.uv import without_credentials
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


@pytest.mark.parametrize("builder", ["bubblewrap"], indirect=True)
async def test_code_of_others_sees_no_password_of_an_index(
    builder: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_OURS_USERNAME", "somebody")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "opensesame")
    look = "'opensesame' in repr(dict(os.environ))"
    shop.sdist("thing", prologue=f"raise SystemExit('seen' if {look} else 'nothing there')")
    environment = await python(builder, shop.lock("thing"), builds=True)
    _, result = await builder.run(IMPORT, environment=environment)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED")
    assert "nothing there" in result.reason.message


def test_settings_for_boxes_have_no_credentials() -> None:
    env = {
        "UV_INDEX_OURS_USERNAME": "somebody",
        "UV_INDEX_OURS_PASSWORD": "open sesame",
        "UV_INDEX": "ours=https://u:p@a.example/s b=https://t@b.example/@x https://c.example/",
        "HTTP_PROXY": "http://u:p@ss@proxy.example",
        "NETRC": "/home/someone/.netrc",
        "UV_HTTP_TIMEOUT": "9",
    }
    assert without_credentials(env) == {
        "UV_INDEX": "ours=https://a.example/s b=https://b.example/@x https://c.example/",
        "HTTP_PROXY": "http://proxy.example",
        "UV_HTTP_TIMEOUT": "9",
    }


def test_messages_show_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "opensesame")
    monkeypatch.setenv("UV_INDEX_THEIRS_PASSWORD", "no")
    assert scrubbed("it says no to opensesame at https://x.example/") == "it says no to *** at the package index"
