"""Keeps the parts of a grid running: starts them, restarts what died, stops them in order. One thread, no polling."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.local.child import stop
from services.local.home import Home, read_json, write_json
from services.local.identity import Identity, end, identify, identity_from, wait_gone
from services.local.log_files import rotate_logs
from services.local.problem import Problem

BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 0.1, 5.0
STEADY_SECONDS = 10.0
"""Who ran that long starts from the shortest wait again."""
SURVIVOR_SECONDS = 5.0
ROTATE_SECONDS = 60.0
"""So often the sizes of the log files are looked at."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WATCHED = (signal.SIGCHLD, *STOP_SIGNALS)


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the grid: how to start it, and how it is asked to end."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: int = signal.SIGTERM
    patience_seconds: float = 10.0


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    started: float
    backoff_seconds: float = BACKOFF_SECONDS_MIN
    restart_at: float | None = None
    restarts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Parts stop in the reverse order of `add`. `say(word, sentence)` tells the person."""

    home: Home
    say: Callable[[str, str], None]
    _parts: dict[str, _Running] = field(default_factory=dict)
    _rotate_at: float = field(default_factory=lambda: time.monotonic() + ROTATE_SECONDS)

    def watch_signals(self) -> None:
        """From now on signals wait until `tick` takes them; children get a clean mask."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)

    def add(self, part: Part) -> subprocess.Popen[bytes]:
        process = part.start()
        self._parts[part.name] = _Running(part, process, time.monotonic())
        self._write_children()
        return process

    def restarts(self, name: str) -> int:
        return self._parts[name].restarts

    def renew(self, name: str, why: str) -> None:
        """Have a running part end, to be started again."""
        self.say("mended", f"{why}: {name} is started again.")
        self._parts[name].process.send_signal(self._parts[name].part.stop_signal)

    def restarted_most(self, times: int) -> str:
        """A part that was started again at least so many times; empty when there is none."""
        return next((name for name, each in self._parts.items() if each.restarts >= times), "")

    def pid(self, name: str) -> int:
        return self._parts[name].process.pid

    def tick(self, seconds: float | None) -> bool:
        """Wait for a signal (at most `seconds`; None: until the next thing is due) and restart what is due; True: stop."""
        due = [each.restart_at - time.monotonic() for each in self._parts.values() if each.restart_at is not None]
        due.append(self._rotate_at - time.monotonic())
        wait = max(0.0, min([*due] if seconds is None else [seconds, *due]))
        got = signal.sigtimedwait(WATCHED, wait)
        if got is not None and got.si_signo in STOP_SIGNALS:
            return True
        for each in self._parts.values():
            self._look_after(each)
        if time.monotonic() >= self._rotate_at:
            self._rotate_at = time.monotonic() + ROTATE_SECONDS
            rotate_logs(self.home)
        return False

    def stop_all(self, ours: bool = True) -> None:
        """End every part, last started first. Not `ours`: the home belongs to another supervisor now."""
        while self._parts:
            _, running = self._parts.popitem()
            code = stop(running.process, running.part.stop_signal, patience_seconds=running.part.patience_seconds)
            if code == -signal.SIGKILL and running.restart_at is None:
                self.say("warning", f"{running.part.name} did not stop in time and was killed.")
        if ours:
            self.home.children.unlink(missing_ok=True)

    def _look_after(self, each: _Running) -> None:
        now = time.monotonic()
        if each.restart_at is None and (code := each.process.poll()) is not None:
            if now - each.started > STEADY_SECONDS:
                each.backoff_seconds = BACKOFF_SECONDS_MIN
            each.restart_at = now + each.backoff_seconds
            self.say("warning", f"{each.part.name} ended ({_ending(code)}): starting it again.")
            each.backoff_seconds = min(each.backoff_seconds * 2, BACKOFF_SECONDS_MAX)
        if each.restart_at is not None and now >= each.restart_at:
            self._restart(each)

    def _restart(self, each: _Running) -> None:
        try:
            each.process = each.part.start()
        except (OSError, Problem) as error:  # for example a full disk: again later, it may heal
            self.say("warning", f"{each.part.name} cannot start: {error}")
            each.restart_at = time.monotonic() + each.backoff_seconds
            each.backoff_seconds = min(each.backoff_seconds * 2, BACKOFF_SECONDS_MAX)
            return
        each.started, each.restart_at, each.restarts = time.monotonic(), None, each.restarts + 1
        self._write_children()

    def _write_children(self) -> None:
        found = {name: identify(each.process.pid) for name, each in self._parts.items()}
        write_json(self.home.children, {name: who.plain() for name, who in found.items() if who})


def children(home: Home) -> dict[str, Identity]:
    """The parts that the last supervisor of `home` started and that still run."""
    found = {name: identity_from(value) for name, value in (read_json(home.children) or {}).items()}
    return {name: who for name, who in found.items() if who and who.alive()}


def end_survivors(home: Home) -> list[str]:
    """Wait for what a killed supervisor left to follow it, and end what does not; what was killed, in words."""
    notes = []
    deadline = time.monotonic() + SURVIVOR_SECONDS
    for name, who in children(home).items():
        if not wait_gone(who, max(0.0, deadline - time.monotonic())):
            end(who, signal.SIGTERM, patience_seconds=SURVIVOR_SECONDS)
            notes.append(f"{name} (pid {who.pid}) had outlived its supervisor and was ended.")
    return notes


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
