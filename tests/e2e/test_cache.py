"""Packages on a real grid: built once, found again, built anew after they changed or were invalidated; said each time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest

CODE = "import six, idna\nprint(six.__version__)\n"
PINS = "six==1.16.0\nidna==3.6\n"


@pytest.fixture
def rgrid(shared_grid: GridUnderTest, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """In a folder with a script that no other test has."""
    (tmp_path / "cached_words.py").write_text(CODE)
    (tmp_path / "requirements.txt").write_text(PINS)
    return lambda *words: shared_grid.rgrid(*words, cwd=tmp_path)


def environment(rgrid: Callable[..., Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Run the script; what was said of its environment, and its parts."""
    done = rgrid("run", "cached_words.py")
    assert done.returncode == 0, done.stderr
    why = json.loads(rgrid("why", "@last", "--json").stdout)
    return why["cache"]["environment"], why["environment"]


def test_from_the_first_build_to_the_next(
    rgrid: Callable[..., Any], shared_grid: GridUnderTest, tmp_path: Path
) -> None:
    said, parts = environment(rgrid)
    assert said == {"result": "miss", "reason": "not built before"}
    (made,) = parts["made"]
    assert (parts["packages"], made["status"], len(made["nodes"])) == (2, "good", 1)
    (folder,) = shared_grid.home.glob(f"node/*/environments/{made['id']}")

    assert environment(rgrid)[0] == {"result": "hit", "reason": "2 packages of requirements.txt, built before"}
    plan = json.loads(rgrid("run", "cached_words.py", "--dry-run", "--json").stdout)
    assert plan["estimate"]["environment"]["built"] is True

    (tmp_path / "requirements.txt").write_text(PINS.replace("1.16.0", "1.15.0"))
    plan = json.loads(rgrid("run", "cached_words.py", "--dry-run", "--json").stdout)
    assert plan["estimate"]["environment"]["built"] is False
    assert plan["estimate"]["environment"]["build_ms"] > 0
    assert environment(rgrid)[0]["reason"] == "requirements.txt changed: six 1.16.0 → 1.15.0"

    (tmp_path / "requirements.txt").write_text(PINS)
    thrown = json.loads(rgrid("cache", "invalidate", made["id"], "--json").stdout)
    assert thrown["ids"] == [made["id"]]
    said, parts = environment(rgrid)
    assert said["result"] == "miss" and said["reason"].startswith("was invalidated by key:")
    assert [each["status"] for each in parts["made"]] == ["good"]
    assert folder.is_dir(), "it was built anew"
    listed = [json.loads(line) for line in rgrid("cache", "--json").stdout.splitlines()]
    assert {each["source"] for each in listed if each["script"] == "cached_words.py"} == {"requirements.txt"}
    assert rgrid("projections", "rebuild", "--check").returncode == 0
