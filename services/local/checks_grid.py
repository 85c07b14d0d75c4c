"""What `doctor` asks of the grid of this home: is it up, does it take our key, does anything lag or lie parked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.local.api import ask
from services.local.check import Check
from services.local.home import Home, read_json
from services.local.lock import holder
from services.local.supervisor import children

LAG_EVENTS_WARN = 1000
PARTS = ("nats-server", "postgres", "services", "gateway", "runner")


def grid_checks(home: Home) -> Iterator[Check]:
    """Every row about the grid; the later ones only when it answers."""
    supervisor, grid = holder(home), read_json(home.grid)
    if supervisor is None:
        left = children(home)
        if left:
            yield Check("grid", "warn", f"the supervisor was killed; still ending: {', '.join(left)}", "rgrid up -d")
        else:
            yield Check("grid", "warn", "down", "Start it: rgrid up -d")
        return
    if grid is None:
        yield Check("grid", "warn", f"starting (pid {supervisor.pid})", f"Its log: {home.log('supervisor')}")
        return
    yield Check("grid", "ok", f"{grid['api_url']} · up since {grid['started_at']} · sandbox {grid['sandbox']}")
    yield _processes(home)
    yield from _gateway(home, str(grid["api_url"]))


def _processes(home: Home) -> Check:
    alive = children(home)
    missing = [name for name in PARTS if name not in alive]
    pids = ", ".join(f"{name} {who.pid}" for name, who in alive.items())
    external = [name for name in missing if name in ("nats-server", "postgres")]
    if set(missing) - set(external):
        return Check(
            "processes", "warn", f"not running now: {', '.join(missing)}", "They are started again by themselves."
        )
    return Check("processes", "ok", pids)


def _gateway(home: Home, api_url: str) -> Iterator[Check]:
    status, _ = ask(api_url, "/readyz")
    if status != 200:
        says = "nobody answers" if status == 0 else f"status {status}"
        yield Check("gateway", "fail", f"not ready: {says}", f"Its log: {home.log('gateway')}")
        return
    key = str((read_json(home.credentials) or {}).get("api_key", ""))
    status, about = ask(api_url, "/api/v1/grid", key)
    if status != 200:
        fix = "Let the grid issue another: rgrid down, then rgrid up -d"
        yield Check("gateway", "fail", f"ready, but it does not take the key in {home.credentials} ({status})", fix)
        return
    yield Check("gateway", "ok", f"{api_url} · takes our key")
    yield from _inside(about)
    yield _nodes(api_url, key)


def _inside(about: dict[str, Any]) -> Iterator[Check]:
    """Lag and parked events, as the gateway counts them."""
    positions = about.get("positions", {})
    lag = int(positions.get("lag") or 0)
    slow = lag > LAG_EVENTS_WARN
    fix = "Reads show an older state. If it does not fall, see logs/services.log" if slow else ""
    where = f"log at {positions.get('log', 0)}, {lag} events behind it"
    yield Check("projector", "warn" if slow else "ok", where, fix)
    parked = about.get("parked", {})
    count = int(parked.get("count") or 0)
    fix = f"A service could not digest them; the last: {parked.get('last')}. See logs/services.log" if count else ""
    yield Check("parked", "fail" if count else "ok", f"{count} events parked", fix)


def _nodes(api_url: str, key: str) -> Check:
    status, answer = ask(api_url, "/api/v1/nodes", key)
    nodes = [each for each in answer.get("items", []) if status == 200]
    alive = [each for each in nodes if each.get("status") == "joined"]
    names = ", ".join(f"{each['id']} ({each['node_type']}, {each['sandbox']})" for each in alive)
    if not alive:
        return Check(
            "nodes", "fail", "no node takes work", "See logs/runner.log; restart: rgrid down, then rgrid up -d"
        )
    open_ones = [each for each in alive if each["sandbox"] == "process"]
    if open_ones:
        why = open_ones[0].get("labels", {}).get("sandbox_warning", "no sandbox")
        fix = "Its scripts read and change what the grid's user can. Mend it, then: rgrid down && rgrid up -d"
        return Check("nodes", "warn", f"{len(alive)} alive: {names} · {open_ones[0]['id']}: {why}", fix)
    return Check("nodes", "ok", f"{len(alive)} alive: {names}")
