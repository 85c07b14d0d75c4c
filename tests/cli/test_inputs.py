"""Which files go along, under which names, and how the arguments change."""

import os
from pathlib import Path

import pytest

from cli.errors import UsageProblem
from cli.job.inputs import mode_of, plan


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "s.py").write_text("1")
    (folder / "a.csv").write_text("a")
    (folder / "data" / "b.csv").write_text("b")
    (folder / "data" / "deep" / "c d\n.csv").write_text("c")
    (tmp_path / "out.csv").write_text("o")
    monkeypatch.chdir(folder)
    return folder


def planned(*args, untouched=(), inputs=(), script="s.py"):
    return plan(Path(script), args, untouched, inputs)


def test_an_argument_that_names_a_file_goes_along_at_its_place(here):
    made = planned("a.csv", "./data/b.csv", "nothing.csv", "", "word")
    assert made.files == {"a.csv": Path("a.csv"), "data/b.csv": Path("data/b.csv")}
    assert made.args == ["a.csv", "./data/b.csv", "nothing.csv", "", "word"]
    assert made.script == "s.py"


def test_files_from_elsewhere_are_staged_and_said(here, capfd):
    made = planned("../out.csv", str(here.parent / "out.csv"), str(here / "a.csv"), "data/../a.csv")
    assert made.args == ["inputs/out.csv", "inputs/out.csv", "a.csv", "a.csv"]
    assert set(made.files) == {"inputs/out.csv", "a.csv"}
    assert "../out.csv is inputs/out.csv for the script" in capfd.readouterr().err


def test_two_of_one_name_from_elsewhere_do_not_meet(here):
    other = here.parent / "other"
    other.mkdir()
    (other / "out.csv").write_text("2")
    made = planned("../out.csv", "../other/out.csv")
    assert made.args == ["inputs/out.csv", "inputs/2/out.csv"]


def test_behind_the_dashes_words_stay_as_they_are(here, capfd):
    made = planned("x", untouched=["--in", "a.csv", "../out.csv"])
    assert made.args == ["x", "--in", "a.csv", "../out.csv"]
    assert set(made.files) == {"a.csv"}
    assert "../out.csv" in capfd.readouterr().err


def test_a_folder_brings_all_its_regular_files(here):
    made = planned("data")
    assert set(made.files) == {"data/b.csv", "data/deep/c d\n.csv"}
    assert planned(inputs=["data"]).files == made.files


def test_the_script_is_not_an_input_of_itself(here):
    assert planned("s.py").files == {}


def test_a_script_from_elsewhere_has_its_bare_name(here):
    (here.parent / "far.py").write_text("1")
    assert planned(script="../far.py").script == "far.py"


def test_links_in_a_folder_stay_within_it(here):
    (here / "data" / "in.csv").symlink_to("b.csv")
    assert "data/in.csv" in planned("data").files
    (here / "data" / "out.csv").symlink_to(here.parent / "out.csv")
    with pytest.raises(UsageProblem, match="place outside"):
        planned("data")


@pytest.mark.parametrize(("target", "word"), [("..", "a folder"), ("gone", "nothing"), ("link", "nothing")])
def test_links_to_folders_or_nothing_are_named(here, target, word):
    (here / "data" / "link").symlink_to(target)
    with pytest.raises(UsageProblem, match=word):
        planned("data")


def test_what_is_no_file_is_refused(here):
    os.mkfifo(here / "data" / "pipe")
    with pytest.raises(UsageProblem, match="pipe"):
        planned("data")
    with pytest.raises(UsageProblem, match="does not exist"):
        planned(inputs=["none.csv"])
    with pytest.raises(UsageProblem, match="UTF-8"):
        (here / os.fsdecode(b"bad\xff.csv")).write_text("x")
        planned(os.fsdecode(b"bad\xff.csv"))


def test_the_executable_bit_is_kept(here):
    (here / "a.csv").chmod(0o700)
    assert mode_of(here / "a.csv") == 0o755
    (here / "a.csv").chmod(0o600)
    assert mode_of(here / "a.csv") == 0o644
