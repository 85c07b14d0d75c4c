"""What a script must be, before anything is queued."""

import os
import socket

import pytest

from cli.errors import UsageProblem
from cli.job.script import checked, detect


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "first", "runtime"),
    [
        ("a.py", "", "python"),
        ("a.mjs", "", "node"),
        ("a.sh", "", "sh"),
        ("a", "#!/usr/bin/env python3", "python"),
        ("a", "#!/usr/bin/env -S node --no-warnings", "node"),
        ("a", "#!/bin/sh", "sh"),
        ("a.txt", "#!/usr/bin/python3.11\r", "python"),
    ],
)
def test_runtime_by_extension_or_first_line(here, name, first, runtime):
    (here / name).write_text(first + "\n1\n")
    assert detect(here / name) == runtime


@pytest.mark.parametrize("first", ["", "#!/usr/bin/perl"])
def test_an_unknown_kind_says_what_to_type(here, first):
    (here / "a.xyz").write_text(first + "\nx\n")
    with pytest.raises(UsageProblem) as refused:
        checked("a.xyz", "")
    assert refused.value.code == "RUNTIME_UNKNOWN"
    assert "--runtime python a.xyz" in refused.value.hint
    assert checked("a.xyz", "sh")[1] == "sh"


def test_what_is_no_script(here):
    (here / "empty.py").touch()
    (here / "folder.py").mkdir()
    os.mkfifo(here / "pipe.py")
    (here / "dead.py").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock.py")
        codes = {name: refusal(name) for name in ("empty.py", "folder.py", "pipe.py", "dead.py", "none.py", "sock.py")}
    assert codes == {
        "empty.py": "SCRIPT_EMPTY",
        "folder.py": "FILE_IS_DIRECTORY",
        "pipe.py": "FILE_NOT_REGULAR",
        "dead.py": "FILE_MISSING",
        "none.py": "FILE_MISSING",
        "sock.py": "FILE_NOT_REGULAR",
    }


def refusal(name, runtime=""):
    with pytest.raises(UsageProblem) as refused:
        checked(name, runtime)
    assert name in refused.value.message
    return refused.value.code


def test_a_syntax_error_shows_the_line_and_the_caret(here):
    (here / "bad.py").write_text("x = 1\nprint(x y)\n")
    with pytest.raises(UsageProblem) as refused:
        checked("bad.py", "")
    assert "line 2" in refused.value.message
    assert "print(x y)" in refused.value.hint
    assert "^" in refused.value.hint


def test_the_check_runs_nothing_and_takes_odd_encodings(here):
    (here / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
    assert checked("latin.py", "")[1] == "python"
    (here / "nul.py").write_bytes(b"x = 1\x00\n")
    assert refusal("nul.py") == "SYNTAX_ERROR"
    (here / "quit.py").write_text("raise SystemExit(3)\n")
    assert checked("quit.py", "")[1] == "python"
