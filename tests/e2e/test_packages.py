"""Packages and modules of one's own on a real grid: in batches, from a project's src, with a Python of another version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.grid import GridUnderTest

SIX = "# /// script\n# dependencies = ['six==1.17.0']\n# ///\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk/.git").mkdir(parents=True)
    return tmp_path / "desk"


def write(desk: Path, **files: str) -> None:
    for name, text in files.items():
        path = desk / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_every_member_of_a_batch_finds_the_modules_and_the_packages(shared_grid: GridUnderTest, desk: Path) -> None:
    text = "import sys, six, mine.deep\nopen('o', 'w').write(open(sys.argv[1]).read() + six.__version__ + mine.deep.X)"
    write(desk, main_py=SIX + text, mine__deep_py="X = 'x'")
    for name in "ab":
        (desk / f"{name}.txt").write_text(name)
    done = shared_grid.rgrid("run", "main.py", "--batch", "a.txt", "b.txt", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "1 package from the block in main.py" in done.stderr and "1 file of yours taken along: mine/" in done.stderr
    assert [(desk / f"outputs/{name}.txt/o").read_text() for name in "ab"] == ["a1.17.0x", "b1.17.0x"]


def test_modules_of_the_projects_src_are_found(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "pyproject.toml").write_text("[tool.ruff]\n")
    write(
        desk, jobs__main_py="import near, thing\nprint(near.X + thing.X)", jobs__near_py="X = 1", src__thing_py="X = 2"
    )
    done = shared_grid.rgrid("run", "jobs/main.py", cwd=desk)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    inside = shared_grid.rgrid("run", "main.py", cwd=desk / "jobs")
    assert (inside.returncode, inside.stdout) == (0, "3\n"), inside.stderr


def test_a_python_that_no_node_has_is_refused_with_what_there_is(shared_grid: GridUnderTest, desk: Path) -> None:
    write(desk, main_py="# /// script\n# requires-python = '>=3.40'\n# dependencies = []\n# ///\nprint(1)")
    done = shared_grid.rgrid("run", "main.py", cwd=desk)
    assert done.returncode == 2
    assert "needs Python >=3.40; the nodes have 3." in done.stderr and "NO_INTERPRETER" in done.stderr
    write(desk, main_py="# /// script\n# requires-python = '<3.40'\n# dependencies = []\n# ///\nprint(1)")
    again = shared_grid.rgrid("run", "main.py", cwd=desk)
    assert (again.returncode, again.stdout) == (0, "1\n"), again.stderr


def test_a_package_that_the_script_shadows_stays_behind(shared_grid: GridUnderTest, desk: Path) -> None:
    write(desk, main_py="import this, yaml\nprint(this.X, yaml.X)", this_py="X = 1", yaml_py="X = 2")
    done = shared_grid.rgrid("run", "main.py", cwd=desk)
    assert (done.returncode, done.stdout) == (0, "1 2\n"), done.stderr
    assert "no dependencies" in done.stderr
