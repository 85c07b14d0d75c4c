"""Every verb that prints answers --json: one object, or one a line, each with the version of its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.grid import GridUnderTest

VERBS = [
    "ps",
    "status @last",
    "wait @last",
    "events @last",
    "outputs @last",
    "why @last",
    "logs @last",
    "cost",
    "cost --execution @last",
    "cost --by day",
    "keys ls",
    "projects ls",
    "projects set demo --retention 90d",
    "nodes ls",
    "doctor",
    "open",
    "up -d",
    "projections rebuild --check",
    "cancel @last",
]


@pytest.fixture(scope="module")
def ran(shared_grid: GridUnderTest, tmp_path_factory: pytest.TempPathFactory) -> GridUnderTest:
    """The grid after one run that printed and wrote something."""
    folder = tmp_path_factory.mktemp("json")
    (folder / "a.py").write_text("print('hello')\nopen('out.txt', 'w').write('x')\n")
    done = shared_grid.rgrid("run", "a.py", "--json", cwd=folder, check=True)
    assert json.loads(done.stdout)["schema_version"] == 1
    return shared_grid


@pytest.mark.parametrize("verb", VERBS)
def test_every_line_is_an_object_of_a_known_schema(ran: GridUnderTest, verb: str) -> None:
    done = ran.rgrid(*verb.split(), "--json")
    assert done.returncode == 0, done.stderr
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert objects
    assert {each["schema_version"] for each in objects} == {1}


def test_down_says_what_is_left(new_grid: Callable[..., GridUnderTest], tmp_path: Path) -> None:
    grid = new_grid().up()
    done = grid.rgrid("down", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["state"], said["parts"]) == ("down", {})
