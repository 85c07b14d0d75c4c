"""F8: the log ends before what was read from it (an older copy was put back): everything halts and says so (P11)."""

from __future__ import annotations

import shutil
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.inside import doctor
from tests.faults.scripts import WORK, run_to_end
from tests.fixtures.grid import GridUnderTest


@pytest.fixture
def older(grid: GridUnderTest) -> Iterator[Path]:
    """A copy of the log as it was before the last execution, beside the log of a grid that is up."""
    run_to_end(Client(grid), WORK)
    grid.down()
    copy = grid.home / "nats.older"
    shutil.copytree(grid.home / "nats", copy)
    grid.up()
    run_to_end(Client(grid), WORK, args=["lost"])
    yield copy


def test_an_older_copy_of_the_log_halts_the_start_until_the_newer_is_back(grid: GridUnderTest, older: Path) -> None:
    grid.down()
    nats = grid.home / "nats"
    newer = nats.rename(grid.home / "nats.newer")
    older.rename(nats)
    said = grid.local("up", "-d", check=False)
    assert said.returncode != 0
    assert "events are lost" in said.stderr or "history is missing" in said.stderr
    shutil.rmtree(nats)
    newer.rename(nats)
    grid.up()
    assert run_to_end(Client(grid), WORK)["status"] == "succeeded"


def test_a_log_that_goes_back_under_a_running_grid_refuses_writes(grid: GridUnderTest, older: Path) -> None:
    client = Client(grid)
    data = next(path for path in (grid.home / "nats").rglob("EVENTS") if path.is_dir())
    before = older / data.relative_to(grid.home / "nats")
    grid.kill("nats-server")
    data.rename(grid.home / "EVENTS.newer")
    before.rename(data)
    until = time.monotonic() + 30
    with pytest.raises(urllib.error.HTTPError) as refused:
        client.submit(WORK, "never")
    assert refused.value.code == 500 and b"DAMAGED_HISTORY" in refused.value.read()
    while doctor(grid)["processes"]["state"] == "ok":
        assert time.monotonic() < until
    assert "events are lost" in grid.log("services") or "history is missing" in grid.log("services")
