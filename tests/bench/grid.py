"""Grids to measure: a whole embedded one in a home of its own, with the real runner or one whose scripts end at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.home import Home
from services.local.postgres import dsn_of
from services.local.postgres_user import place_for
from tests.fixtures.grid import GridUnderTest


@contextmanager
def home() -> Iterator[GridUnderTest]:
    """A grid that is not up; whatever it became is removed."""
    folder = Path(tempfile.mkdtemp(prefix="rgrid-bench-"))
    grid = GridUnderTest(folder / "home")
    try:
        yield grid
    finally:
        grid.destroy()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def real_grid() -> Iterator[GridUnderTest]:
    """Up, as a person starts it."""
    with home() as grid:
        yield grid.up()


@contextmanager
def instant_grid() -> Iterator[GridUnderTest]:
    """Up, all of it real but for the runner's sandbox, in which every script has ended before it began."""
    with home() as grid:
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.bench.instant_grid", str(writing)],
            env=grid.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(writing,),
        )
        os.close(writing)
        with os.fdopen(reading) as words:
            ready = any(line.startswith("✔ ready") for line in words)
        if not ready:
            raise AssertionError(f"the grid did not come up\n{grid.log('services')}\n{grid.log('runner')}")
        yield grid
        grid.down()
        process.wait(30)


def dsn(grid: GridUnderTest) -> str:
    """Its Postgres."""
    return dsn_of(place_for(Home(grid.home).root))
