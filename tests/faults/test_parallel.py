"""A batch on a real grid whose services are killed: its limit holds; and one run beside a large batch is not delayed (F18)."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from domain.batch.members import Member, encode
from tests.faults.client import Client
from tests.fixtures.grid import GridUnderTest

NAP = b"import time\ntime.sleep(0.3)\n"
SMALL = {"cpu_millis": 250, "memory_bytes": 64 * 1024**2, "timeout_seconds": 60}
MEMBERS, PARALLEL = 40, 3


def fan_out(client: Client, count: int, **more: Any) -> str:
    """A batch of NAPs; its id."""
    script, members = client.upload(NAP), encode(Member(f"m{index}", (str(index),)) for index in range(count))
    body = {
        "script": {"path": "nap.py", "sha256": script, "size_bytes": len(NAP), "mode": 420},
        "runtime": "python",
        "members": {"sha256": client.upload(members), "size_bytes": len(members), "count": count},
        "limits": SMALL,
        **more,
    }
    key = hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()
    return str(client.call("POST", "/batches", body, Idempotency_Key=key)["id"])


def ended(client: Client, batch: str, seconds: float) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while True:
        doc: dict[str, Any] = client.call("GET", f"/batches/{batch}")
        if doc["finished_at"]:
            return doc
        assert time.monotonic() < until, doc
        time.sleep(0.1)


def most_at_once(client: Client, batch: str) -> int:
    """How many members held a lease at the same time, by their events in the order of the log."""
    members = client.call("GET", f"/batches/{batch}/members?limit=200")["items"]
    events = sorted(
        (event["sequence"], event["type"], member["id"]) for member in members for event in client.events(member["id"])
    )
    held: set[str] = set()
    most = 0
    for _, kind, id in events:
        if kind == "execution.assigned":
            held.add(id)
        elif kind in ("execution.attempt_failed", "execution.finished"):
            held.discard(id)
        most = max(most, len(held))
    return most


def test_the_limit_of_a_batch_holds_while_the_services_are_killed(grid: GridUnderTest) -> None:
    client = Client(grid)
    batch = fan_out(client, MEMBERS, parallel=PARALLEL)
    for _ in range(3):
        time.sleep(2.5)
        grid.kill("services")
    doc = ended(client, batch, 120)
    assert doc["counts"]["succeeded"] == MEMBERS
    assert most_at_once(client, batch) == PARALLEL
    kinds = [event["type"] for event in client.call("GET", f"/batches/{batch}/events")["items"]]
    assert kinds.count("batch.finished") == 1
    assert kinds.count("batch.delayed") <= 2


ON_THEIR_WAY_MAX = 12
"""Of two thousand; short runs change places many times in the moment that an event takes to be read."""


def test_a_single_run_beside_thousands_has_the_next_slot(shared_grid: GridUnderTest) -> None:
    """F18: no more members start between its entry into the queue and its start than may already have been on their way:
    those that were decided on before the scheduler could read of it."""
    client = Client(shared_grid)
    client.upload(NAP)
    batch = fan_out(client, 2000)
    while client.call("GET", f"/batches/{batch}")["counts"]["running"] == 0:
        time.sleep(0.05)
    id = client.submit(NAP, f"single-{time.time_ns()}", project="other", limits=SMALL)
    doc = client.ended(id, 60)
    queued, assigned = (
        next(event["sequence"] for event in client.events(id) if event["type"] == kind)
        for kind in ("execution.cached", "execution.assigned")
    )
    client.call("POST", f"/batches/{batch}/cancel", {})
    members = client.call("GET", f"/batches/{batch}/members?limit=200")["items"]
    starts = [
        event["sequence"]
        for member in members
        for event in client.events(member["id"])
        if event["type"] == "execution.assigned"
    ]
    assert doc["status"] == "succeeded"
    assert sum(queued < start < assigned for start in starts) <= ON_THEIR_WAY_MAX
    assert ended(client, batch, 60)["status"] == "cancelled"
