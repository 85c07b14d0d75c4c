"""`up`: starts the grid of a home and keeps it running, in the foreground or behind the terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from domain.errors import RgridError
from services.local.daemon import ALREADY, start_behind
from services.local.disk_watch import LOOK_SECONDS, DiskWatch
from services.local.grid import Grid
from services.local.home import Home, home_from, make_home, read_json
from services.local.lock import AlreadyUp, hold, holder
from services.local.problem import as_problem, from_os_error
from services.local.readiness import Stopped
from services.local.speak import Say, complain, printer
from services.local.supervisor import Supervisor
from services.runtime.settings import Settings, load


def up(detach: bool, notify: int | None = None) -> int:
    """The exit code: 0 up (or was up already), 1 it could not start."""
    home = home_from(os.environ)
    try:
        settings = load(os.environ)
        make_home(home)
        if detach:
            return start_behind(home)
        with hold(home):
            return _run(home, settings, notify)
    except AlreadyUp as problem:
        return ALREADY if notify is not None else _already(home, problem)


def _already(home: Home, problem: AlreadyUp) -> int:
    grid = read_json(home.grid)
    if grid is None or holder(home) is None:
        raise problem
    print(f"✔ up         {grid['api_url']} · since {grid['started_at']} · {home.root}")
    return 0


def _run(home: Home, settings: Settings, notify: int | None) -> int:
    """Bring the grid up, keep it until somebody asks us to stop, take it down in order."""
    channel: TextIO | None = os.fdopen(notify, "w") if notify is not None else None
    say = _both(printer(sys.stdout), printer(channel)) if channel else printer(sys.stdout)
    supervisor = Supervisor(home, say)
    supervisor.watch_signals()
    try:
        grid = Grid(home, settings, supervisor, say).bring_up()
        say("ready", f"{grid['api_url']} · {home.root}")
        if channel:
            with suppress(OSError):
                channel.close()
        else:
            print("  next       rgrid run SCRIPT     stop it: Ctrl-C", flush=True)
        disk = DiskWatch(home.root, home.log("nats-server"))
        while not supervisor.tick(None if settings.nats_url else LOOK_SECONDS):
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
        home.grid.unlink(missing_ok=True)
        supervisor.stop_all()
    say("down", f"{home.root}: everything stopped, nothing lost.")
    return 0


def _both(one: Say, other: Say) -> Say:
    def say(word: str, sentence: str) -> None:
        one(word, sentence)
        other(word, sentence)

    return say
