"""Scripts with packages on a real node: the packages come from the index that this machine's settings lead to."""

from __future__ import annotations

from typing import Any

import pytest

from domain.execution.job import Environment
from tests.services.runner.environments.locks import locked
from tests.services.runner.grid import Grid, Make

CODE = """
import sys, six, markupsafe, idna.core
print(sys.prefix, six.__file__, markupsafe.escape("<"), markupsafe._speedups.__name__)
try:
    open(six.__file__, "a")
except OSError as error:
    print(error.strerror)
"""


async def packages(grid: Grid, *names: str, **more: Any) -> Environment:
    return Environment("python", await grid.put("requirements.lock", locked(*names)), **more)


@pytest.mark.parametrize("kind", ["bubblewrap", "process"])
async def test_a_script_finds_its_packages(make_grid: Make, kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    grid = await make_grid(kind)
    execution, result = await grid.run(CODE, environment=await packages(grid, "six", "idna", "markupsafe"))
    out = grid.log(execution, "stdout").decode()
    assert result.status == "succeeded", (result, grid.log(execution, "stderr"), out)
    assert "&lt; markupsafe._speedups" in out
    if kind == "bubblewrap":
        assert out.startswith("/env /env/lib/python3."), out
        assert "Permission denied" in out or "Read-only file system" in out
    [fact] = grid.facts("environment", execution)
    assert (fact["event"], fact["packages"]) == ("built", 3)
    assert fact["archive"]["path"] == "environment.tar.zst"
