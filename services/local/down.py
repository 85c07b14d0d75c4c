"""`down`: asks the supervisor of a home to stop everything, and waits until nothing of it runs."""

from __future__ import annotations

import os
import signal
import sys

from services.local.home import Home, home_from
from services.local.identity import end
from services.local.lock import holder
from services.local.supervisor import children, end_survivors

STOP_SECONDS_MAX = 45.0


def down() -> int:
    """0 when nothing of the grid runs any more, also when nothing did."""
    home = home_from(os.environ)
    supervisor = holder(home)
    if supervisor is None:
        return _tidy(home)
    if not end(supervisor, signal.SIGTERM, patience_seconds=STOP_SECONDS_MAX):
        print(f"✘ The supervisor (pid {supervisor.pid}) does not end.", file=sys.stderr)
        return 1
    for note in end_survivors(home):
        print(f"! {note}", file=sys.stderr)
    home.grid.unlink(missing_ok=True)
    print(f"✔ down       {home.root}: everything stopped, nothing lost.")
    return 0


def _tidy(home: Home) -> int:
    """No supervisor: take away what a killed one left."""
    left = children(home)
    end_survivors(home)
    if home.root.exists():
        home.grid.unlink(missing_ok=True)
    print(f"✔ down       {home.root}: it was not up" + (f"; ended {', '.join(left)}." if left else "."))
    return 0
