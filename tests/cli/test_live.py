"""What is redrawn in place, looked at with the eyes of a terminal: nothing doubled, nothing left, nothing cut in half."""

import re

import pytest

from cli.batch.display import Block, View, block
from cli.terminal.live import BEGIN, END, Live, fitted
from cli.terminal.screen import tell
from cli.terminal.table import width_of

PIECE = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])|(\n)|(\r)|([^\x1b\n\r]+)")


class Terminal:
    """A terminal of `columns` that knows what we use: up, erase, return, newline, wrapping."""

    def __init__(self, columns):
        self.columns, self.rows, self.at, self.column = columns, [""], 0, 0

    def write(self, text):
        for number, verb, newline, back, plain in PIECE.findall(text):
            if verb == "A":
                assert self.at >= int(number), "above the first line"
                self.at -= int(number)
            elif verb == "K":
                self.rows[self.at] = self.rows[self.at][: self.column]
            elif verb == "J":
                self.rows[self.at] = self.rows[self.at][: self.column]
                del self.rows[self.at + 1 :]
            elif newline:
                self.down()
            elif back:
                self.column = 0
            for each in plain:
                if self.column >= self.columns:
                    self.down()
                row = self.rows[self.at].ljust(self.column)
                self.rows[self.at] = row[: self.column] + each + row[self.column + 1 :]
                self.column += 1

    def down(self):
        self.at, self.column = self.at + 1, 0
        if self.at == len(self.rows):
            self.rows.append("")

    def seen(self):
        return [row.rstrip() for row in self.rows if row.strip()]


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal(40)
    monkeypatch.setattr("cli.terminal.live.put", made.write)
    monkeypatch.setattr("cli.terminal.live.room", lambda: (made.columns, 10))
    return made


def lines(*texts):
    return [[(text, "busy")] for text in texts]


def test_lines_take_the_place_of_those_before(terminal):
    with Live() as live:
        live.draw(lines("one", "two", "three"))
        live.draw(lines("1", "a longer one than before"))
        assert terminal.seen() == ["1", "a longer one than before"]
    assert terminal.seen() == []


def test_what_is_told_meanwhile_stays_above(terminal):
    with Live() as live:
        live.draw(lines("progress 1"))
        tell("! something happened")
        live.draw(lines("progress 2", "more"))
        assert terminal.seen() == ["! something happened", "progress 2", "more"]
    assert terminal.seen() == ["! something happened"]


def test_nothing_is_written_when_nothing_changed(terminal, monkeypatch):
    with Live() as live:
        live.draw(lines("same"))
        monkeypatch.setattr("cli.terminal.live.put", lambda text: pytest.fail("written again"))
        live.draw(lines("same"))
        monkeypatch.setattr("cli.terminal.live.put", terminal.write)


def test_long_lines_never_wrap_and_many_never_scroll(terminal):
    with Live() as live:
        live.draw(lines(*["x" * 200] * 30))
        assert [len(row) for row in terminal.seen()] == [39] * 9


def test_each_picture_comes_at_once(monkeypatch):
    written = []
    monkeypatch.setattr("cli.terminal.live.put", written.append)
    with Live() as live:
        live.draw(lines("a", "b"))
        live.draw(lines("c", "d"))
        assert [(text.startswith(BEGIN), text.endswith(END)) for text in written] == [(True, True)] * 2


def test_a_terminal_that_became_narrower_leaves_nothing(terminal):
    with Live() as live:
        live.draw(lines("x" * 39, "y" * 39))
        terminal.columns = 20
        terminal.rows = ["x" * 20, "x" * 19, "y" * 20, "y" * 19, ""]
        terminal.at, terminal.column = 4, 0
        live.draw(lines("short"))
        assert terminal.seen() == ["short"]


def test_colours_are_left_out_where_they_are_not_wanted(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert fitted([("abc", "good"), (" defgh", "")], 6) == "abc d…"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert fitted([("abc", "good")], 3) == "\x1b[32mabc\x1b[0m"


DOC = {
    "id": "batch_7f3k2m9q4d1t", "status": "running", "count": 10_000, "parallel": 20, "script": {"path": "process.py"},
    "counts": {"queued": 5000, "running": 20, "succeeded": 4900, "failed": 80}, "reason": None,
    "cost": {"charged_micros": 12_345, "estimated_micros": 30_000},
}  # fmt: skip
FAILURE = {"code": "EXIT_CODE", "exit_code": 1, "error_line": "ValueError: \x1b[2J" + "x" * 300, "count": 80,
           "example": {"id": "exec_7f3k2m9q4d1t", "member": "data/part-07/input\n.csv"}}  # fmt: skip


@pytest.mark.parametrize("columns", [30, 80, 130])
def test_a_batch_fits(columns):
    view = View(DOC, failures=[FAILURE] * 6, home="4,900 members, 4,900 files, 12 MB in ./outputs")
    found = block(view, columns)
    texts = ["".join(text for text, _ in line) for line in found]
    assert texts[0].startswith("● running     batch_7f3k2m9q4d1t · process.py · 10,000 inputs · 20 at once")
    assert texts[1].endswith("4,980 of 10,000 · 49 %")
    assert "4,900 succeeded · 80 failed · 20 running · 5,000 queued" in texts[2]
    assert any("€0.012345 so far · about €0.024789 in all" in text for text in texts)
    assert all(char.isprintable() for text in texts for char in text)
    assert texts[-1].strip() == "2 more causes"
    if columns >= 80:
        assert width_of(texts[1]) < columns
        assert all("· data/part-07/input\\n.csv" in text[:columns] for text in texts if "ValueError" in text)


def test_the_whole_display_leaves_nothing_behind(terminal):
    screen = Block()
    screen.show(View(DOC, failures=[FAILURE]))
    assert len(terminal.seen()) >= 5
    screen.close()
    assert terminal.seen() == []
