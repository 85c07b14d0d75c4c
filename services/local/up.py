"""`up`: starts the grid of a home and keeps it running, in the foreground or behind the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from domain.errors import RgridError
from services.local.daemon import ALREADY, start_behind
from services.local.disk_watch import DiskWatch
from services.local.grid import Grid
from services.local.home import Home, home_from, make_home, read_json, write_json
from services.local.lock import AlreadyUp, hold, running_grid
from services.local.problem import as_problem, from_os_error
from services.local.readiness import Stopped
from services.local.speak import Say, complain, printer
from services.local.supervisor import Supervisor
from services.runtime.settings import Settings, load

LOOK_SECONDS = 2.0
"""So often the supervisor looks whether its home is still there."""


def up(detach: bool, notify: int | None = None) -> int:
    """The exit code: 0 up (or was up already), 1 it could not start."""
    home = home_from(os.environ)
    try:
        settings = load(os.environ)
        make_home(home)
        if detach:
            return start_behind(home)
        with hold(home) as still_ours:
            return _run(home, settings, notify, still_ours)
    except AlreadyUp as problem:
        return ALREADY if notify is not None else _already(home, problem)


def _already(home: Home, problem: AlreadyUp) -> int:
    grid = running_grid(home)
    if grid is None:
        raise problem
    print(f"✔ up         {grid['api_url']} · since {grid['started_at']} · {home.root}")
    return 0


def _run(home: Home, settings: Settings, notify: int | None, still_ours: Callable[[], bool]) -> int:
    """Bring the grid up, keep it until somebody asks us to stop or removes its home, take it down in order."""
    channel: TextIO | None = os.fdopen(notify, "w") if notify is not None else None
    say = _both(printer(sys.stdout), printer(channel)) if channel else printer(sys.stdout)
    supervisor = Supervisor(home, say)
    supervisor.watch_signals()
    try:
        found = Grid(home, settings, supervisor, say).bring_up()
        say("ready", f"{found['api_url']} · {home.root}")
        if channel:
            with suppress(OSError):
                channel.close()
        else:
            print("  next       rgrid run SCRIPT     stop it: Ctrl-C", flush=True)
        kept = {home.grid: found, home.credentials: read_json(home.credentials)}
        disk = DiskWatch(home.root, home.log("nats-server"))
        while still_ours() and not supervisor.tick(LOOK_SECONDS):
            _keep(kept, say)
            if not settings.nats_url and disk.healed():
                supervisor.renew("nats-server", "The disk was full and has room again")
    except Stopped:
        pass
    except (RgridError, OSError) as error:
        problem = from_os_error(error, home.root) if isinstance(error, OSError) else as_problem(error)
        for stream in filter(None, (sys.stderr, channel)):
            complain(problem, stream)
        return 1
    finally:
        ours = still_ours()
        if ours:
            home.grid.unlink(missing_ok=True)
        supervisor.stop_all(ours)
    if not ours:
        say("down", f"{home.root} was removed: everything that ran for it is stopped.")
        return 1
    say("down", f"{home.root}: everything stopped, nothing lost.")
    return 0


def _keep(kept: Mapping[Path, Any], say: Say) -> None:
    """Write a file again that somebody damaged or removed: without grid.json nobody finds the grid, without
    credentials nobody gets in."""
    for path, value in kept.items():
        if read_json(path) == value:
            continue
        with suppress(OSError):
            write_json(path, value)
            say("mended", f"{path} was damaged or gone and is written again.")


def _both(one: Say, other: Say) -> Say:
    def say(word: str, sentence: str) -> None:
        one(word, sentence)
        other(word, sentence)

    return say
