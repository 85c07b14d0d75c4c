"""What --batch names, and everything that is wrong with it, said before anything is queued."""

import io
import os
from types import SimpleNamespace

import pytest

from cli.errors import UsageProblem
from cli.job.fanout import items
from cli.job.fanout.items import Item, expand


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "x[1].csv", "data/1.csv", "data/2.csv", "data/deep/3.csv"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*values):
    with pytest.raises(UsageProblem) as problem:
        expand(values)
    return problem.value


def test_globs_names_and_folders(capfd):
    assert [each.file for each in expand(["*.csv", "data/*"])] == [
        "a.csv",
        "b.csv",
        "x[1].csv",
        "data/1.csv",
        "data/2.csv",
    ]
    assert "1 folder left out" in capfd.readouterr().err


def test_a_name_that_exists_is_no_pattern():
    assert expand(["x[1].csv"]) == [Item(file="x[1].csv")]


def test_a_list_has_files_and_lines_of_arguments(here, capfd):
    (here / "list.txt").write_text("a.csv\r\n\n--lr 0.1 --name 'two words'\n data/1.csv \nlost.csv\n")
    assert expand(["@list.txt"]) == [
        Item(file="a.csv"),
        Item(line="--lr 0.1 --name 'two words'", words=("--lr", "0.1", "--name", "two words")),
        Item(file="data/1.csv"),
        Item(line="lost.csv", words=("lost.csv",)),
    ]
    assert "looks like a file that is not here; it is passed as text (lost.csv)" in capfd.readouterr().err


def stdin(monkeypatch, data):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))


def test_stdin_is_a_list_too_and_may_be_separated_by_nul(monkeypatch, here):
    stdin(monkeypatch, b"a.csv\nb.csv\n")
    assert [each.file for each in expand(["-"])] == ["a.csv", "b.csv"]
    (here / "new\nline.csv").write_text("x")
    stdin(monkeypatch, b"a.csv\0new\nline.csv\0")
    assert [each.file for each in expand(["-"])] == ["a.csv", "new\nline.csv"]


def test_an_empty_list_is_named(monkeypatch):
    stdin(monkeypatch, b"\n \n")
    assert "The list on stdin has no lines" in refused("-").message


def test_a_missing_list_is_named():
    assert "The list none.txt does not exist" in refused("@none.txt").message


def test_a_line_that_is_no_arguments_is_named(here):
    (here / "list.txt").write_text("a.csv\n--x 'open\n")
    assert "line 2 (--x 'open): no closing quotation" in refused("@list.txt").message


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("*.tsv", "Nothing matches *.tsv in ", "this folder holds 3 files: 3 × .csv.      Try: --batch '*.csv'"),
        ("d/*.csv", "there is no folder d in ", "ls ."),
        ("data/none/*.csv", "there is no folder data/none in ", "ls data"),
        ("data/3*", "Nothing matches data/3* in ", "there is one: --batch 'data/**/3*'"),
        (
            "data/*.tsv",
            "Nothing matches data/*.tsv in ",
            "data holds 2 files: 2 × .csv.      Try: --batch 'data/*.csv'",
        ),
    ],
)
def test_a_pattern_that_matches_nothing(pattern, message, hint):
    problem = refused(pattern)
    assert message in problem.message and hint in problem.hint and problem.code == "NO_INPUTS"


def test_folders_only():
    problem = refused("data")
    assert "names folders only" in problem.message and "--batch 'data/**/*'" in problem.hint


def test_what_is_missing_is_named_five_at_most_with_the_number():
    problem = refused("a.csv", *(f"gone{i}.csv" for i in range(7)))
    assert problem.message.splitlines() == [
        "7 of 8 inputs cannot be used; nothing was queued.",
        *(f"gone{i}.csv: does not exist" for i in range(5)),
        "… and 2 more",
    ]


def test_the_same_file_twice_is_named(here):
    assert "b.csv: is named twice" in refused("*.csv", "b.csv").message
    assert f"{here}/a.csv: is named twice, as a.csv too" in refused("a.csv", f"{here}/a.csv").message


def test_too_many_are_refused_soon(monkeypatch):
    monkeypatch.setattr(items, "MEMBERS_MAX", 3)
    assert "More than 3 inputs" in refused("**/*.csv").message


def test_a_home_folder_is_found(monkeypatch, here):
    monkeypatch.setenv("HOME", str(here))
    assert [each.file for each in expand(["~/data/*.csv"])] == [f"{here}/data/1.csv", f"{here}/data/2.csv"]


def test_a_folder_that_cannot_be_read_is_an_input_that_cannot(monkeypatch):
    scan = os.scandir

    def refuse(folder):
        if str(folder) == "data/deep/":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert "data/deep/: Permission denied" in refused("data/**/*.csv").message
