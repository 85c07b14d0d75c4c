"""What a person is told about how long files are kept, and how they change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.grid import GridUnderTest


def test_a_project_is_told_how_long_to_keep_its_files(shared_grid: GridUnderTest, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print('hello')\nopen('out.txt', 'w').write('x')\n")
    shared_grid.rgrid("run", "a.py", "--project", "thesis", cwd=tmp_path, check=True)
    until = kept_line(shared_grid)
    done = shared_grid.rgrid("projects", "set", "thesis", "--retention", "12w", check=True)
    assert "thesis keeps files and logs for 84 days" in done.stderr
    assert "84 days" in next(
        line for line in shared_grid.rgrid("projects", check=True).stdout.splitlines() if line.startswith("thesis")
    )
    assert kept_line(shared_grid) > until
    assert "kept" in shared_grid.rgrid("outputs", "@last", check=True).stderr


def kept_line(grid: GridUnderTest) -> str:
    shown = grid.rgrid("status", "@last", check=True).stdout.splitlines()
    return next(line for line in shown if line.startswith("kept"))


@pytest.mark.parametrize("time", ["90", "soon", "0d", "-1d", "1.5d", ""])
def test_what_is_no_time_is_refused_with_what_to_type(shared_grid: GridUnderTest, time: str) -> None:
    done = shared_grid.rgrid("projects", "set", "thesis", "--retention", time)
    assert done.returncode == 2
    assert "90d" in done.stderr


def test_more_than_centuries_are_refused_by_the_grid(shared_grid: GridUnderTest) -> None:
    done = shared_grid.rgrid("projects", "set", "thesis", "--retention", "999y")
    assert done.returncode == 2
    assert "36500" in done.stderr or "36,500" in done.stderr
