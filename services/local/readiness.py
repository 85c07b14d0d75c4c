"""When a grid counts as up: its gateway serves, our key opens it, and the runner of this start has joined."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.local.api import ask
from services.local.home import Home
from services.local.problem import Problem
from services.local.supervisor import Supervisor

READY_SECONDS_MAX = 60.0
POLL_SECONDS = 0.03
RESTARTS_MAX = 5
LINES_SHOWN = 8


class Stopped(Exception):
    """Somebody asked us to stop while we were starting."""


def wait_until(supervisor: Supervisor, home: Home, what: str, part: str, holds: Callable[[], Any]) -> Any:
    """Keep the parts running until `holds()` is true and return its answer. Raises Problem, Stopped."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not (answer := holds()):
        if supervisor.tick(POLL_SECONDS):
            raise Stopped
        if ending := supervisor.restarted_most(RESTARTS_MAX):
            raise Problem(f"{ending} keeps ending.", tail(home, ending), f"The whole log: {home.log(ending)}")
        if time.monotonic() > deadline:
            raise Problem(f"{what} within {READY_SECONDS_MAX:.0f} s: no.", tail(home, part), f"Log: {home.log(part)}")
    return answer


def gateway_ready(api_url: str) -> bool:
    return ask(api_url, "/readyz")[0] == 200


def joined_node(api_url: str, key: str, node_id: str, since: float) -> dict[str, Any] | None:
    """The node `node_id` when it joined after `since` (seconds since 1970), None before."""
    status, answer = ask(api_url, "/api/v1/nodes", key)
    nodes = answer.get("items", []) if status == 200 else []
    for node in nodes:
        if node.get("id") == node_id and _seconds(node.get("joined_at")) >= since:
            return dict(node)
    return None


def tail(home: Home, part: str) -> str:
    """The last lines that `part` wrote."""
    try:
        lines = home.log(part).read_text(errors="replace").splitlines()
    except OSError:
        return "It wrote no log."
    return "Its last words: " + "\n  ".join(lines[-LINES_SHOWN:]) if lines else "It wrote nothing."


def _seconds(at: Any) -> float:
    try:
        return datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        return 0.0
