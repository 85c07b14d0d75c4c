"""Ten strangers' projects, each run twice: they run, or stop with an error that a newcomer can act on; the second time says
what was reused. The index is the one that the ordinary clients of this machine are set up for."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.deps.uv import find_uv
from tests.fixtures.grid import GridUnderTest

STRANGERS = Path(__file__).parents[2] / "examples" / "strangers"


@dataclass(frozen=True)
class Stranger:
    """`prints`: a piece of its stdout; `says`: pieces of stderr of the first run; `code`: of rgrid."""

    folder: str
    words: tuple[str, ...]
    prints: str = ""
    says: tuple[str, ...] = ()
    code: int = 0


ALL = (
    Stranger("sales-report", ("report.py", "sales.csv"), "Peru     12", ("packages from requirements.txt",)),
    Stranger(
        "offline-requests", ("fetch.py",), "no network here", ("from the imports of fetch.py", "requests by the table")
    ),
    Stranger("thumbnails", ("thumbnail.py",), "(16, 16)", ("numpy, Pillow by the table",)),
    Stranger(
        "local-package", ("main.py",), "slope  2", ("4 files of yours taken along: lab/", "tabulate by the table")
    ),
    Stranger("pep723", ("greet.py",), "hello, 1,234,567", ("1 package from the block in greet.py",)),
    Stranger("uv-project", ("main.py",), "2026-11-21", ("2 packages from uv.lock",)),
    Stranger(
        "misspelled",
        ("main.py",),
        says=("There is no package called pandsa-of-nobody on the index", "requirements.txt", "UNKNOWN_PACKAGE"),
        code=2,
    ),
    Stranger(
        "conflict",
        ("main.py",),
        says=(
            "The packages of requirements.txt contradict each other",
            "urllib3<1.20",
            "requests==2.31",
            "PACKAGE_CONFLICT",
        ),
        code=2,
    ),
    Stranger("c-extension", ("pack.py",), "{'a': [1, 2]} Packer", ("1 package from the imports of pack.py",)),
    Stranger(
        "node-project", ("main.mjs",), "1M!", ("1 package from package-lock.json", "2 files of yours taken along")
    ),
)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a person whose active environment is empty, wherever this test runs."""
    empty = tmp_path_factory.mktemp("empty-venv")
    (empty / "lib/python3.11/site-packages").mkdir(parents=True)
    return {"VIRTUAL_ENV": str(empty)}


@pytest.mark.parametrize("stranger", ALL, ids=lambda each: each.folder)
def test_a_stranger_runs_or_learns_what_to_do_and_the_second_time_reuses(
    shared_grid: GridUnderTest, tmp_path: Path, elsewhere: dict[str, str], stranger: Stranger
) -> None:
    if stranger.folder == "node-project" and shutil.which("npm") is None:
        pytest.skip("this machine has no npm: install Node")
    folder = tmp_path / stranger.folder
    shutil.copytree(STRANGERS / stranger.folder, folder)
    if stranger.folder == "uv-project":
        subprocess.run([find_uv(), "lock", "--quiet"], cwd=folder, check=True)
    env = {**shared_grid.env, **elsewhere}
    first = shared_grid.rgrid("run", *stranger.words, cwd=folder, env=env)
    assert first.returncode == stranger.code, first.stderr
    assert stranger.prints in first.stdout
    assert [each for each in stranger.says if each not in first.stderr] == [], first.stderr
    assert "Traceback" not in first.stderr

    again = shared_grid.rgrid("run", *stranger.words, cwd=folder, env=env)
    assert again.returncode == stranger.code, again.stderr
    assert again.stdout == first.stdout
    if stranger.code == 0:
        known = "" if stranger.folder == "node-project" else "(lock known)"
        assert known in again.stderr and "script known" in again.stderr, again.stderr
        assert "environment hit" in shared_grid.rgrid("why", "@last", env=env, check=True).stdout
    else:
        assert again.stderr == first.stderr
    assert not list((Path(env["RGRID_HOME"]) / "locks").glob("tmp*"))
    assert os.listdir(tmp_path) == [stranger.folder]  # noqa: PTH208


def test_nothing_that_is_kept_of_a_lock_names_a_host(shared_grid: GridUnderTest) -> None:
    for file in (shared_grid.home / "locks").glob("*"):
        assert "://" not in file.read_text(), file
