"""Nothing that a name contains moves a cursor; colours only where they belong."""

import io

import pytest

from cli.terminal.screen import clean, coloured, encodable
from cli.terminal.table import cut, fit, table, width_of


class Stream(io.StringIO):
    encoding = "ascii"

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_control_characters_are_written_out():
    assert clean("a\x1b[2Jb\nc\r\x9b\u202e") == "a\\x1b[2Jb\\nc\\r\\x9b\\u202e"
    assert clean("grün ✔") == "grün ✔"


@pytest.mark.parametrize(
    ("environment", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours(monkeypatch, environment, terminal, wanted):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured(Stream(terminal)) is wanted


def test_marks_have_stand_ins_where_the_encoding_lacks_them():
    assert encodable("✔ succeeded · €0.000001 ü", Stream(False)) == "+ succeeded - EUR 0.000001 \\xfc"


def test_tables_fit():
    assert fit([10, 50, 20], 60) == [10, 26, 20]
    assert cut("abcdef", 4) == "abc…"
    assert width_of("日本") == 4


def test_a_table_is_aligned(capsys):
    table(("ID", "N"), [["a\n", 1], ["long", 22]], right=frozenset({1}))
    assert capsys.readouterr().out == "ID     N\na\\n    1\nlong  22\n"
