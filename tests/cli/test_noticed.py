"""What a newcomer trips over is said before the run, and nothing else is."""

import os
import sys
from pathlib import Path

import pytest

from cli.job.noticed import mistyped, stdin_waits


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.txt").write_text("once")
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("storry.txt", "storry.txt is no file here: passed as text (did you mean story.txt?)"),
        ("./storry.txt", "./storry.txt is no file here: passed as text (did you mean story.txt?)"),
        ("data.csv", "data.csv is no file here: passed as text"),
        ("sub/none.csv", "sub/none.csv is no file here: passed as text"),
    ],
)
def test_a_mistyped_file_is_noticed(word, said):
    assert mistyped(word) == said


@pytest.mark.parametrize(
    "word",
    ["story.txt", "sub", "--lr", "0.1", "3.5e-4", "fast", "key=a.txt", "http://a.b/c.txt", "", "a/b", "x y.z", "."],
)
def test_other_words_are_not(word):
    assert mistyped(word) == ""


def test_a_stdin_with_something_in_it_is_noticed_and_never_waited_for(monkeypatch, folder):
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin, os.fdopen(writer, "w") as other:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert not stdin_waits()
        other.write("x")
        other.flush()
        assert stdin_waits()
    for text, waits in (("once", True), ("", False)):
        Path("in").write_text(text)
        with Path("in").open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert stdin_waits() is waits
    with Path(os.devnull).open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert not stdin_waits()
