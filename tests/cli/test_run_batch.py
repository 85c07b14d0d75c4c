"""The words of `rgrid run` about batches and plans, as typed; no grid is needed, and none is started."""

import json
from pathlib import Path

import pytest

from cli.main import answer


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RGRID_HOME", str(tmp_path / "home"))
    Path("s.py").write_text("print(1)")
    for i in range(3):
        Path(f"{i}.csv").write_text("same")
    return tmp_path


def said(capfd, *words):
    code = answer(["run", *words])
    out, err = capfd.readouterr()
    return code, out, err


def test_a_dry_run_shows_the_plan_and_starts_nothing(capfd, here):
    code, out, err = said(capfd, "s.py", "--batch", "*.csv", "--dry-run", "--memory", "1g", "--timeout", "5m")
    assert code == 0
    assert out.splitlines() == [
        "script      s.py (8 B) · python",
        "runs        3 runs · 0.csv, 1.csv, 2.csv",
        "files       4 files, 12 B · 2 different ones",
        "environment python, the standard library alone · no network",
        "each        1 core · 1 GiB · at most 5m 00s",
    ]
    assert "No grid runs here" in err and "nothing was uploaded, nothing was started" in err
    assert not (here / "home").exists()


def test_a_price_that_nobody_can_tell_is_an_error(capfd):
    code, out, err = said(capfd, "s.py", "--batch", "0.csv", "1.csv", "--estimate-cost", "--json")
    assert code == 125
    assert json.loads(out)["plan"]["runs"] == 2 and json.loads(out)["estimate"] is None
    assert json.loads(err)["error"]["code"] == "NO_GRID"


def test_a_single_run_has_a_plan_too(capfd):
    code, out, _ = said(capfd, "s.py", "0.csv", "--dry-run")
    assert code == 0
    assert out.splitlines()[:3] == ["script      s.py (8 B) · python", "runs        1 run", "files       2 files, 12 B"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("s.py --parallel 3", "--parallel is for a batch."),
        ("s.py --flat", "--flat is for a batch."),
        ("s.py --fail-fast --max-failures 3 --batch 0.csv", "--fail-fast stops at the first failure"),
        ("s.py --batch 0.csv --parallel 0", "--parallel 0 is not between 1 and 100000."),
        ("s.py --batch 0.csv --max-failures x", "--max-failures 'x' is not a whole number."),
        ("s.py --batch *.tsv", "Nothing matches *.tsv"),
        ("s.py --batch 0.csv 9.csv", "9.csv: does not exist"),
        ("s.py --batch 0.csv 1.csv --lr 0.1", "rgrid run s.py --batch 0.csv 1.csv -- --lr 0.1"),
        ("--batch 0.csv 1.csv 2.csv", "Which one is the script?"),
    ],
)
def test_what_is_wrong_is_said_before_a_grid_is_looked_for(capfd, here, words, message):
    code, _, err = said(capfd, *words.split())
    assert (code, message in err) == (2, True), err
    assert not (here / "home").exists()


@pytest.mark.parametrize("words", ["--batch **", "--batch lo*", "--batch loop", "--batch lp/*"])
def test_a_link_that_leads_in_a_circle_is_named(capfd, here, words):
    Path("loop").symlink_to("loop")
    Path("lp").mkdir()
    Path("lp/L1").symlink_to("L1")
    code, _, err = said(capfd, "s.py", "--dry-run", *words.split())
    assert (code, "cannot be used; nothing was queued" in err, ": a link to nothing" in err) == (2, True, True), err


@pytest.mark.parametrize("folder", ["/proc/x", "s.py", "s.py/deep", "/dev/null", "x" * 300])
@pytest.mark.parametrize("words", [["s.py", "0.csv"], ["s.py", "--batch", "*.csv"]])
def test_a_folder_that_takes_nothing_is_refused_before_anything_is_queued(capfd, here, folder, words):
    code, _, err = said(capfd, *words, "-o", folder)
    assert (code, f"-o {folder}: " in err, "--remote-only" in err) == (2, True, True), err
    assert not (here / "home").exists()


def test_a_batch_needs_its_own_folder(capfd, here):
    Path("outputs").write_text("mine")
    code, _, err = said(capfd, "s.py", "--batch", "*.csv", "--dry-run")
    assert (code, "./outputs: there is a file of that name, not a folder." in err) == (2, True), err
    assert said(capfd, "s.py", "--batch", "*.csv", "--dry-run", "--remote-only")[0] == 0
    assert said(capfd, "s.py", "0.csv", "--dry-run")[0] == 0


def test_looking_at_a_folder_leaves_nothing_there(capfd, here):
    assert said(capfd, "s.py", "--batch", "*.csv", "--dry-run", "-o", "a/b")[0] == 0
    assert not Path("a").exists()
