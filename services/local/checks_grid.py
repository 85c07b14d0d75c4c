"""What `doctor` asks of the grid of this home: is it up, does it take our key, does anything lag or lie parked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from services.local.api import ask
from services.local.check import Check
from services.local.home import Home, read_json
from services.local.lock import holder, running_grid
from services.local.supervisor import children

LAG_EVENTS_WARN = 1000
PARTS = ("nats-server", "postgres", "services", "gateway", "runner")


def grid_checks(home: Home) -> Iterator[Check]:
    """Every row about the grid; the later ones only when it answers."""
    supervisor, grid = holder(home), running_grid(home)
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
    """Lag, backlog and parked events, as the gateway counts them."""
    positions = about.get("positions", {})
    lag = int(positions.get("lag") or 0)
    slow = lag > LAG_EVENTS_WARN
    fix = "Reads show an older state. If it does not fall, see logs/services.log" if slow else ""
    where = f"at position {positions.get('projected', 0):,} of {positions.get('log', 0):,} · {lag:,} behind"
    yield Check("projector", "warn" if slow else "ok", where, fix)
    yield _streams(about.get("streams", []))
    yield _parked(about.get("parked", {}))


def _streams(streams: list[dict[str, Any]]) -> Check:
    """What each holds, and who does not keep up with it."""
    held = " · ".join(
        f"{each['stream']} {each['messages']:,} ({_size(each['size_bytes'])})" for each in streams if each["messages"]
    )
    behind = {row["consumer"]: row["pending"] + row["unacknowledged"] for each in streams for row in each["consumers"]}
    waits = f" · {sum(behind.values()):,} waiting"
    slow = [f"{name} {count:,}" for name, count in behind.items() if count > LAG_EVENTS_WARN]
    fix = f"Waiting: {', '.join(slow)}. If it does not fall, see logs/services.log and logs/runner.log" if slow else ""
    return Check("streams", "warn" if slow else "ok", held + waits, fix)


def _parked(parked: dict[str, Any]) -> Check:
    count, last = int(parked.get("count") or 0), parked.get("last")
    if not count or not last:
        return Check("parked", "ok", "nothing")
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(last["at_us"] / 1e6))
    which = f"{last['service']} could not digest position {last['position']} of {last['stream']} ({last['subject']})"
    return Check(
        "parked", "fail", f"{count:,} parked, the last at {at} UTC",
        f"{which}: {last['error']}. The whole story: logs/services.log",
    )  # fmt: skip


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
    warned = [each for each in alive if each.get("labels", {}).get("sandbox_warning")]
    if warned:
        why = warned[0]["labels"]["sandbox_warning"]
        return Check("nodes", "warn", f"{len(alive)} alive: {names} · {warned[0]['id']}: {why}")
    return Check("nodes", "ok", f"{len(alive)} alive: {names}")


def _size(size_bytes: int) -> str:
    value, units = float(size_bytes), ["B", "KB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}" if value < 1000 else f"{value:,.0f} {units[0]}"
