"""A batch on a real grid, from the plan to the bill: run, list, cancel, retry with a mended script, by id and by filter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest

SCRIPT = """import sys
row = open(sys.argv[1]).read()
if row == "2":
    raise SystemExit(7)
open("out.txt", "w").write(row + "|" + "|".join(sys.argv[2:]))
"""
SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


class Desk:
    """A folder with a script and three inputs, and `rgrid` in it."""

    def __init__(self, grid: GridUnderTest, folder: Path) -> None:
        self.grid, self.folder = grid, folder
        (folder / "in").mkdir()
        for i in (1, 2, 3):
            (folder / "in" / f"{i}.csv").write_text(str(i))
        (folder / "s.py").write_text(SCRIPT)
        (folder / "sleeps.py").write_text(SLEEPS)
        self.tag = f"desk={folder.name}"

    def __call__(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.grid.rgrid(*words, cwd=self.folder, **more)

    def docs(self, *words: str) -> list[dict[str, Any]]:
        """The JSON lines that a verb answers."""
        done = self(words[0], "--json", *words[1:])
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def desk(shared_grid: GridUnderTest, tmp_path: Path) -> Desk:
    return Desk(shared_grid, tmp_path)


def test_from_the_plan_to_the_bill(desk: Desk) -> None:
    words = ("run", "s.py", "--batch", "in/*.csv", "--tag", desk.tag, "--name", "three", "--parallel", "1")
    (plan,) = desk.docs(*words, "--estimate-cost", "--", "--fast")
    assert (plan["plan"]["runs"], plan["plan"]["files"]["count"]) == (3, 4)
    assert plan["estimate"]["count"] == 3 and plan["estimate"]["slots"] == 1
    assert plan["estimate"]["seconds_each"]["basis"] in ("assumption", "history")
    assert plan["estimate"]["stored"] == {"blobs": 0, "size_bytes": 0}, "a plan uploads nothing"
    assert desk.docs("ps", "--tag", desk.tag) == [], "and queues nothing"

    done = desk(*words, "--json", "--", "--fast")
    assert done.returncode == 1, done.stderr
    doc = json.loads(done.stdout)
    assert (doc["status"], doc["counts"]["succeeded"], doc["counts"]["failed"]) == ("failed", 2, 1)
    assert (desk.folder / "outputs" / "3.csv" / "out.txt").read_text() == "3|--fast"
    assert "expected" in done.stderr and "estimate" in done.stderr

    batch = doc["id"]
    assert [each["id"] for each in desk.docs("ps", "--tag", desk.tag)] == [batch], "a batch is one line"
    members = desk.docs("ps", "--batch", batch)
    assert [each["member"] for each in members] == ["3.csv", "2.csv", "1.csv"]
    assert len(desk.docs("ps", "-a", "--tag", desk.tag)) == 3
    assert [each["id"] for each in desk.docs("ps", "--tag", desk.tag, "--status", "failed")] == [batch]
    assert "three · 3 runs, 1 failed" in desk("ps", "--tag", desk.tag).stdout
    (bill,) = desk.docs("cost", "--batch", batch)
    assert bill["cost"]["charged_micros"] == sum(each["cost"]["final_micros"] for each in members)
    (again,) = desk.docs(*words, "--dry-run")
    assert again["estimate"]["stored"]["blobs"] == 4, "nothing is uploaded twice"


def test_the_failed_run_again_with_a_mended_script(desk: Desk) -> None:
    batch = json.loads(desk("run", "s.py", "--batch", "in/*.csv", "--json").stdout)["id"]
    (desk.folder / "s.py").write_text(SCRIPT.replace('== "2"', '== "9"'))
    told = desk("retry", batch, "--failed", "--dry-run")
    assert "differs from the script" in told.stderr and f"rgrid retry {batch} --failed --script s.py" in told.stderr
    assert "1 run would run again" in told.stderr

    assert desk("retry", batch, "--failed", "--script", "s.py").returncode == 0
    assert desk("wait", batch).returncode == 0
    (doc,) = desk.docs("status", batch)
    assert (doc["counts"]["succeeded"], doc["round"]) == (3, 1)
    assert [each["attempt"] for each in desk.docs("ps", "--batch", batch)] == [1, 2, 1]
    told = desk("retry", batch)
    assert told.returncode == 0 and f"no run of {batch} failed" in told.stderr and "--all" in told.stderr


def test_a_batch_is_cancelled_as_a_whole(desk: Desk) -> None:
    detached = desk("run", "sleeps.py", "--batch", "in/*.csv", "--detach")
    batch = detached.stdout.strip()
    assert f"rgrid attach {batch}" in detached.stderr and f"rgrid cancel {batch}" in detached.stderr
    (doc,) = desk.docs("cancel", batch)
    assert (doc["status"], doc["counts"]["cancelled"]) == ("cancelled", 3)
    assert desk("wait", batch).returncode == 130
    assert "had ended before" not in desk("cancel", batch).stderr


def test_what_a_filter_means_is_counted_first_and_then_done(desk: Desk) -> None:
    batch = desk("run", "sleeps.py", "--batch", "in/*.csv", "-d", "--tag", desk.tag, "--tag", "x=1").stdout.strip()
    single = desk("run", "sleeps.py", "-d", "--tag", desk.tag).stdout.strip()

    told = desk("cancel", "--tag", desk.tag, "--since", "1h", "--dry-run")
    assert "4 executions: 3 of 1 batch, 1 in no batch" in told.stderr
    assert told.stdout.splitlines() == [batch, single]
    assert "3 executions: 3 of 1 batch" in desk("cancel", "--tag", desk.tag, "--tag", "x=1", "--dry-run").stderr

    assert desk("cancel", "--tag", desk.tag).returncode == 0
    assert {each["status"] for each in desk.docs("ps", "-a", "--tag", desk.tag)} == {"cancelled"}
    assert desk("retry", "--cancelled", "--tag", desk.tag).returncode == 0
    assert "no open execution" not in desk("cancel", "--tag", desk.tag, "--project", "default").stderr
    assert {
        each["attempt"] for each in desk.docs("ps", "--tag", desk.tag, "--status", "cancelled") if "attempt" in each
    }
    assert "nothing that matches" in desk("retry", "--failed", "--tag", desk.tag).stderr
    assert "no open execution matches" in desk("cancel", "--tag", desk.tag).stderr


def test_lines_of_a_list_are_arguments(desk: Desk) -> None:
    lines = "in/1.csv one\nin/3.csv 'two words'\n"
    done = desk("run", "s.py", "--batch", "-", "-o", "res", input=lines)
    assert done.returncode == 0, done.stderr
    assert (desk.folder / "res" / "in-1.csv-one" / "out.txt").read_text() == "1|one"
    assert (desk.folder / "res" / "in-3.csv-two-words" / "out.txt").read_text() == "3|two words"


def test_what_succeeded_before_is_reused(desk: Desk) -> None:
    first = json.loads(desk("run", "s.py", "in/1.csv", "--json", "--memoize", "--", desk.tag).stdout)
    second = desk("run", "s.py", "in/1.csv", "--memoize", "-o", "res", "--", desk.tag)
    assert second.returncode == 0 and f"reused {first['id']} · €0.000000" in second.stderr
    assert (desk.folder / "res" / "out.txt").read_text() == f"1|{desk.tag}"


def test_a_batch_that_fails_fast_stops(desk: Desk) -> None:
    done = desk(
        "run", "s.py", "--batch", "in/2.csv", "in/1.csv", "in/3.csv", "--parallel", "1", "--fail-fast", "--json"
    )
    doc = json.loads(done.stdout)
    assert (done.returncode, doc["counts"]["failed"], doc["counts"]["cancelled"]) == (1, 1, 2)
