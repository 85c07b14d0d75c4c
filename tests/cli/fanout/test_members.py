"""The list of members as the grid reads it: arguments, files, and what they share."""

import os
from pathlib import Path

import pytest

from cli.errors import UsageProblem
from cli.job.fanout import hashing
from cli.job.fanout.items import Item, expand
from cli.job.fanout.members import members
from cli.job.inputs import plan
from domain.batch.members import decode


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    for name in ("s.py", "a.csv", "b.csv", "model.bin", "data/1.csv", "data/2.csv", "../far.csv"):
        (folder / name).write_text(name)
    monkeypatch.chdir(folder)
    return folder


def listed(values, args=(), behind=(), inputs=()):
    made = members(expand(values), plan(Path("s.py"), args, behind, inputs))
    return decode(made.encoded()), made


def test_the_input_is_the_first_argument_and_those_of_the_command_follow():
    (first, second), made = listed(["a.csv", "./b.csv"], ["model.bin"], ["--lr", "0.1"])
    assert first.args == ("a.csv", "model.bin", "--lr", "0.1")
    assert second.args == ("./b.csv", "model.bin", "--lr", "0.1")
    assert [each.path for each in first.inputs] == ["a.csv"]
    assert len(made.blobs) == 2
    assert first.inputs[0].size_bytes == 5 and first.inputs[0].mode == 0o644


def test_the_executable_bit_goes_along(here):
    (here / "a.csv").chmod(0o755)
    assert listed(["a.csv"])[0][0].inputs[0].mode == 0o755


def test_what_all_have_is_no_input_of_one():
    (first, _), _ = listed(["data/*.csv"], inputs=["data"])
    assert (first.args, first.inputs) == (("data/1.csv",), ())


def test_the_script_is_there_for_every_member():
    (only,), _ = listed(["s.py"])
    assert (only.args, only.inputs) == (("s.py",), ())


def test_files_from_elsewhere_are_staged_beside_what_is_shared(here, capfd):
    (here / "inputs").mkdir()
    (here / "inputs" / "far.csv").write_text("another")
    (only,), _ = listed(["../far.csv"], inputs=["inputs"])
    assert (only.args, [each.path for each in only.inputs]) == (("inputs/2/far.csv",), ["inputs/2/far.csv"])
    assert "1 input is from outside this folder" in capfd.readouterr().err


def test_a_line_brings_the_files_that_it_names():
    (only,), _ = members_of("--in a.csv data/1.csv a.csv --out x")
    assert only.args == ("--in", "a.csv", "data/1.csv", "a.csv", "--out", "x")
    assert [each.path for each in only.inputs] == ["a.csv", "data/1.csv"]


def members_of(line):
    made = members([Item(line=line, words=tuple(line.split()))], plan(Path("s.py"), [], [], []))
    return decode(made.encoded()), made


def test_a_line_with_too_many_files_is_refused(here):
    names = [f"f{i}" for i in range(17)]
    for name in names:
        (here / name).write_text(name)
    with pytest.raises(UsageProblem, match="names 17 files"):
        members_of(" ".join(names))


def test_every_file_that_cannot_go_along_is_named(here):
    (here / "dead.csv").symlink_to("nothing")
    os.mkfifo(here / "pipe.csv")
    (here / os.fsdecode(b"bad\xff.csv")).write_text("x")
    with pytest.raises(UsageProblem) as refused:
        listed(["*.csv"])
    said = refused.value.message
    assert "3 of 5 inputs cannot be used; nothing was queued." in said
    assert (
        "dead.csv: a link to nothing" in said
        and "pipe.csv: is a pipe (FIFO), not a file" in said
        and "not UTF-8" in said
    )


@pytest.mark.parametrize("waiting", [0.0, 1e9])
def test_big_and_small_files_are_hashed_alike_with_threads_and_without(here, monkeypatch, waiting):
    monkeypatch.setattr(hashing, "SAMPLE", 1)
    monkeypatch.setattr(hashing, "WAITING", waiting)
    (here / "big.csv").write_bytes(b"x" * (3 << 20))
    found, made = listed(["*.csv"])
    assert sorted(blob.size_bytes for blob in made.blobs) == [5, 5, 3 << 20]
    assert {each.inputs[0].sha256 for each in found} == {blob.sha256 for blob in made.blobs}
