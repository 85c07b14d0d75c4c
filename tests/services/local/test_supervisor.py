"""The supervisor over real processes: restarts, order of the end, what a killed one leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.local.child import spawn
from services.local.home import Home, make_home, write_json
from services.local.identity import identify
from services.local.supervisor import WATCHED, Part, Supervisor, children, end_survivors


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[tuple[str, str]]) -> Iterator[Supervisor]:
    home = Home(tmp_path / "home")
    make_home(home)
    made = Supervisor(home, lambda word, sentence: said.append((word, sentence)))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    made.watch_signals()
    yield made
    made.stop_all()
    signal.sigtimedwait(WATCHED, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def sleeper(name: str, log: Path | None = None) -> Part:
    return Part(name, lambda: spawn(["sleep", "1000"], log=log), patience_seconds=5)


def tick_until(supervisor: Supervisor, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert not supervisor.tick(0.05)
        assert time.monotonic() < deadline


def test_a_part_that_was_killed_runs_again(supervisor: Supervisor, said: list[tuple[str, str]]) -> None:
    supervisor.add(sleeper("one"))
    first = children(supervisor.home)["one"]
    os.kill(first.pid, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.restarts("one") == 1)
    second = children(supervisor.home)["one"]
    assert second != first and second.alive()
    assert said == [("warning", "one ended (killed by SIGKILL): starting it again.")]


def test_a_part_that_keeps_ending_is_started_ever_more_slowly(supervisor: Supervisor) -> None:
    supervisor.add(Part("bad", lambda: spawn(["sh", "-c", "exit 3"])))
    tick_until(supervisor, lambda: supervisor.restarts("bad") >= 3)
    assert supervisor._parts["bad"].backoff_seconds >= 0.4


def test_a_part_that_cannot_start_is_tried_again(supervisor: Supervisor, said: list[tuple[str, str]]) -> None:
    program = supervisor.home.root / "program"
    starts = iter([["sh", "-c", "exit 0"], [str(program)], ["sleep", "1000"]])
    supervisor.add(Part("shy", lambda: spawn(next(starts))))
    tick_until(supervisor, lambda: supervisor.restarts("shy") == 1)
    assert any("cannot start" in sentence for _, sentence in said)
    assert children(supervisor.home)["shy"].alive()


def test_parts_stop_in_the_reverse_order(supervisor: Supervisor) -> None:
    journal = supervisor.home.root / "journal"
    script = f"trap 'echo $0 >> {journal}; exit 0' TERM; echo up >> {journal}.up; while :; do sleep 0.02; done"
    for name in ("nats", "postgres", "services"):
        supervisor.add(Part(name, lambda name=name: spawn(["sh", "-c", script, name])))  # type: ignore[misc]
    ups = Path(f"{journal}.up")
    tick_until(supervisor, lambda: ups.exists() and len(ups.read_text().split()) == 3)
    supervisor.stop_all()
    assert journal.read_text().split() == ["services", "postgres", "nats"]
    assert children(supervisor.home) == {}


def test_a_stop_signal_ends_the_wait(supervisor: Supervisor) -> None:
    # To this thread, not to the process: threads that earlier tests left do not block it, and it would end the whole run.
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    assert supervisor.tick(30)


KILLED = """
import sys, time
from pathlib import Path
from services.local.child import spawn
from services.local.home import Home
from services.local.supervisor import Part, Supervisor
supervisor = Supervisor(Home(Path(sys.argv[1])), lambda *said: None)
for name in "abc":
    supervisor.add(Part(name, lambda: spawn(["sleep", "1000"])))
print("up", flush=True)
time.sleep(1000)
"""


def test_a_killed_supervisor_leaves_no_orphan(supervisor: Supervisor) -> None:
    home = supervisor.home
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(home.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    assert sorted(children(home)) == ["a", "b", "c"]
    process.kill()
    process.wait()
    process.stdout.close()
    assert end_survivors(home) == []
    assert children(home) == {}


def test_who_outlived_its_supervisor_is_ended_in_words(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.local.supervisor.SURVIVOR_SECONDS", 0.2)
    survivor = spawn(["sleep", "1000"])
    who = identify(survivor.pid)
    assert who is not None
    write_json(supervisor.home.children, {"runner": who.plain()})
    assert "had outlived" in end_survivors(supervisor.home)[0]
    assert survivor.wait() == -signal.SIGTERM


def test_another_program_on_the_pid_of_a_part_is_left_alone(supervisor: Supervisor) -> None:
    who = identify(os.getpid())
    assert who is not None
    write_json(supervisor.home.children, {"runner": {**who.plain(), "started_ticks": who.started_ticks - 1}})
    assert end_survivors(supervisor.home) == []
