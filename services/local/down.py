"""`down`: asks the supervisor of a home to stop everything, and waits until nothing of it runs."""

from __future__ import annotations

import os
import signal
import sys

from services.local.api import ask
from services.local.home import Home, home_from, read_json
from services.local.identity import end
from services.local.lock import holder, running_grid
from services.local.supervisor import children, end_survivors

STOP_SECONDS_MAX = 45.0
ASK_SECONDS_MAX = 1.0
COUNTED_MAX = 200


def down() -> int:
    """0 when nothing of the grid runs any more, also when nothing did."""
    home = home_from(os.environ)
    supervisor = holder(home)
    if supervisor is None:
        return _tidy(home)
    interrupted = _running_now(home)
    if not end(supervisor, signal.SIGTERM, patience_seconds=STOP_SECONDS_MAX):
        print(f"✘ The supervisor (pid {supervisor.pid}) does not end.", file=sys.stderr)
        return 1
    for note in end_survivors(home):
        print(f"! {note}", file=sys.stderr)
    home.grid.unlink(missing_ok=True)
    print(f"✔ down       {home.root}: everything stopped, nothing lost.")
    if interrupted:
        what = "1 running execution starts" if interrupted == 1 else f"{interrupted:,} running executions start"
        print(f"  note       {what} over at the next rgrid up")
    return 0


def _running_now(home: Home) -> int:
    """How many executions run: their attempts end with their runner. 0 when the grid does not say."""
    grid, key = running_grid(home), str((read_json(home.credentials) or {}).get("api_key", ""))
    if grid is None:
        return 0
    path = f"/api/v1/executions?status=running&limit={COUNTED_MAX}"
    status, answer = ask(str(grid["api_url"]), path, key, timeout_seconds=ASK_SECONDS_MAX)
    return len(answer.get("items", [])) if status == 200 else 0


def _tidy(home: Home) -> int:
    """No supervisor: take away what a killed one left."""
    left = children(home)
    end_survivors(home)
    if home.root.exists():
        home.grid.unlink(missing_ok=True)
    print(f"✔ down       {home.root}: it was not up" + (f"; ended {', '.join(left)}." if left else "."))
    return 0
