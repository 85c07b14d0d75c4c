"""A batch as a person runs it: many files in nested folders, some of which fail, and a grid that dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest

RGRID = str(Path(sys.executable).with_name("rgrid"))
FILES, FOLDERS = 240, 8
POISONED, EMPTY = 40, 65
"""Every so many files fail the script, in two different ways: about 3 % together."""
COUNT = """
import sys
from pathlib import Path
text = Path(sys.argv[1]).read_text()
if "poison" in text:
    raise ValueError("poisoned input")
if not text:
    sys.exit("nothing to count")
Path("count.txt").write_text(str(len(text.split())))
print(len(text.split()))
"""
MENDED = COUNT.replace('raise ValueError("poisoned input")', 'text = text.replace("poison", "")').replace(
    'sys.exit("nothing to count")', 'text = "none"'
)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder of texts below folders, and the script."""
    for number in range(FILES):
        folder = tmp_path / "texts" / f"part {number % FOLDERS}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        text = "" if number % EMPTY == 1 else f"{'poison ' if number % POISONED == 0 else ''}{'word ' * number}."
        (folder / f"{number:04} ä.txt").write_text(text)
    (tmp_path / "count.py").write_text(COUNT)
    return tmp_path


def failing() -> tuple[int, int]:
    """How many are poisoned, how many are empty."""
    empty = len([number for number in range(FILES) if number % EMPTY == 1])
    return len([n for n in range(FILES) if n % POISONED == 0 and n % EMPTY != 1]), empty


def shown(grid: GridUnderTest, *arguments: str, desk: Path) -> Any:
    return json.loads(grid.rgrid(*arguments, "--json", cwd=desk, check=True).stdout)


def kill_everything(grid: GridUnderTest) -> None:
    pids = grid.pids
    for pid in (pids.pop("supervisor"), *pids.values()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_grid_that_is_killed_in_the_middle_of_a_batch_loses_nothing(grid: GridUnderTest, desk: Path) -> None:
    command = [RGRID, "run", "count.py", "--batch", "texts/**/*.txt", "--parallel", "2", "--watch"]
    with (desk / "said").open("w") as said:
        running = subprocess.Popen(command, cwd=desk, env=grid.env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + 60
        while len(list(desk.glob("outputs/**/count.txt"))) < FILES // 6:
            assert running.poll() is None and time.monotonic() < deadline, (desk / "said").read_text()
            time.sleep(0.05)
        kill_everything(grid)
        grid.up()
        assert running.wait(180) == 1, (desk / "said").read_text()

    poisoned, empty = failing()
    batch = shown(grid, "batch", "@last", desk=desk)
    assert batch["status"] == "failed" and batch["count"] == FILES
    assert batch["counts"]["succeeded"] == FILES - poisoned - empty
    assert batch["counts"]["failed"] == poisoned + empty
    check_home(desk, batch["id"], FILES - poisoned - empty)

    (desk / "count.py").write_text(MENDED)
    again = grid.rgrid("retry", batch["id"], "--failed", "--script", "count.py", cwd=desk)
    assert again.returncode == 0, again.stderr
    grid.rgrid("wait", batch["id"], cwd=desk)
    done = grid.rgrid("download", batch["id"], cwd=desk)
    assert done.returncode == 0, done.stderr
    batch = shown(grid, "batch", batch["id"], desk=desk)
    assert batch["status"] == "succeeded" and batch["counts"]["succeeded"] == FILES
    check_home(desk, batch["id"], FILES)

    bill = shown(grid, "cost", "--batch", batch["id"], desk=desk)
    members = members_of(grid, batch["id"], desk)
    assert {member["attempt"] for member in members} <= {1, 2, 3}
    assert bill["cost"]["charged_micros"] == sum(member["cost_micros"] for member in members)
    assert bill["executions"] == bill["ended"] == FILES
    assert grid.rgrid("projections", "rebuild", "--check").returncode == 0


def check_home(desk: Path, batch_id: str, succeeded: int) -> None:
    """Every output is there once, as it should be, and the index says the same."""
    index = json.loads((desk / "outputs/batch.json").read_text())
    assert index["batch"] == batch_id and len(index["members"]) == FILES
    assert [member["status"] for member in index["members"]].count("succeeded") == succeeded
    homes = sorted((desk / "outputs").glob("**/count.txt"))
    assert len(homes) == succeeded
    for member in index["members"]:
        home = desk / "outputs" / member["name"] / "count.txt"
        assert home.is_file() == (member["status"] == "succeeded"), member
        text = (desk / member["input"]).read_text()
        if home.is_file() and "poison" not in text and text:
            assert int(home.read_text()) == len(text.split())


def members_of(grid: GridUnderTest, batch_id: str, desk: Path) -> list[dict[str, Any]]:
    lines = grid.rgrid("ps", "--batch", batch_id, "--limit", "1000", "--json", cwd=desk, check=True).stdout.splitlines()
    docs = [json.loads(line) for line in lines]
    found = [{"attempt": doc["attempt"], "cost_micros": doc["cost"]["final_micros"]} for doc in docs]
    assert len(found) == FILES
    return found
