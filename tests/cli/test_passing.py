"""What the script writes stays as it is; what rgrid says after it begins on a line of its own, where both are in one place."""

import subprocess
import sys

import pytest

from cli.terminal.watch import Watch

TALK = """
import sys
from cli.terminal.passing import passed
from cli.terminal.screen import tell
passed(sys.argv[2].encode(), getattr(sys, sys.argv[1]).buffer)
tell("* words")
tell("* more")
"""


def talk(stream, text, **where):
    return subprocess.run([sys.executable, "-c", TALK, stream, text], check=True, **where)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(("text", "lacking"), [("1.17.0", "\n"), ("1.17.0\n", ""), ("", "")])
def test_our_words_are_not_glued_to_those_of_the_script(stream, text, lacking):
    done = talk(stream, text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.stdout.decode() == f"{text}{lacking}* words\n* more\n"


def test_nor_in_a_file(tmp_path):
    with (tmp_path / "said").open("wb") as said:
        talk("stdout", "1.17.0", stdout=said, stderr=said)
    assert (tmp_path / "said").read_text() == "1.17.0\n* words\n* more\n"


def test_where_they_go_apart_neither_gets_a_byte_more():
    done = talk("stdout", "1.17.0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.stdout, done.stderr) == (b"1.17.0", b"* words\n* more\n")


def test_running_stands_before_the_first_line(capfd, monkeypatch):
    monkeypatch.setattr(Watch, "begun", lambda self, word: ["waited 0.20 s"])
    watch = Watch(None, "exec_7f3k2m", None)
    watch.on_state({"status": "provisioning", "attempt": 1, "node_id": "local-1"})
    watch.on_chunk({"stream": "stderr", "attempt": 1}, memoryview(b"hello\n"))
    watch.on_state({"status": "running", "attempt": 1, "node_id": "local-1"})
    first, second = capfd.readouterr().err.splitlines()
    assert first.split()[1:] == ["running", "on", "local-1"]
    assert second == "hello"


@pytest.mark.parametrize("status", ["succeeded", "failed", "queued"])
def test_the_log_of_what_runs_no_more_is_not_called_running(capfd, status):
    watch = Watch(None, "exec_7f3k2m", None)
    watch.on_state({"status": status, "attempt": 1, "node_id": "local-1"})
    watch.on_chunk({"stream": "stderr", "attempt": 1}, memoryview(b"hello\n"))
    assert capfd.readouterr().err == "hello\n"
