"""While packages are being made ready: a line that moves on a terminal, the node's own words elsewhere, nothing left of it."""

import threading
import time

import pytest

from cli.terminal.waiting import Waiting
from cli.terminal.watch import Watch

NOTICES = [
    "environment  9 packages: being made ready on the node",
    "environment  still being made ready, 15 s",
    "environment  ready after 21 s",
]


def said(stream, text, attempt=1):
    return {"stream": stream, "attempt": attempt, "at_us": time.time_ns() // 1000}, memoryview(text.encode())


@pytest.fixture
def watch():
    made = Watch(None, "exec_7f3k2m", None)
    yield made
    made.waiting.stop()


def test_elsewhere_each_notice_is_a_line(watch, capfd):
    for notice in NOTICES:
        watch.on_chunk(*said("rgrid", notice + "\n"))
    assert capfd.readouterr().err.splitlines() == [f"! {notice}" for notice in NOTICES]


@pytest.fixture
def drawn(monkeypatch):
    """What is redrawn, as texts; drawn at once."""
    seen, came = [], threading.Event()

    def draw(self, lines):
        seen.append("".join(text for line in lines for text, _ in line))
        came.set()

    monkeypatch.setattr("cli.terminal.waiting.interactive", lambda: True)
    monkeypatch.setattr("cli.terminal.waiting.DRAWN_SECONDS", 0.01)
    monkeypatch.setattr("cli.terminal.waiting.Live.draw", draw)
    return seen, came


def test_on_a_terminal_the_seconds_are_counted(watch, drawn, capfd):
    seen, came = drawn
    head, data = said("rgrid", NOTICES[0])
    head["at_us"] -= 75_000_000
    watch.on_chunk(head, data)
    assert came.wait(30)
    watch.on_chunk(*said("rgrid", NOTICES[1]))
    watch.on_chunk(*said("rgrid", NOTICES[2]))
    assert seen[0].startswith("● environment being made ready · 1m ")
    assert capfd.readouterr().err.splitlines() == [f"! {NOTICES[0]}", f"! {NOTICES[2]}"]


@pytest.mark.parametrize(
    "then",
    [
        lambda watch: watch.on_chunk(*said("stderr", "x")),
        lambda watch: watch.on_state({"status": "running", "cancelling": True}),
        lambda watch: watch.on_attempt({"attempt": 2}),
    ],
)
def test_nothing_of_it_is_left_when_anything_else_happens(watch, drawn, then):
    _, came = drawn
    watch.on_chunk(*said("rgrid", NOTICES[0]))
    assert came.wait(30)
    then(watch)
    assert watch.waiting._thread is None


def test_what_is_over_before_it_began_is_left_alone():
    waiting = Waiting()
    waiting.stop()
    assert waiting.heard("rgrid: the log has reached its limit", 0.0)
