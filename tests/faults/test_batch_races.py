"""F17 with a batch on a real grid: people cancel and retry it and single members, all at the same moment."""

from __future__ import annotations

import hashlib
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from domain.batch.members import Member, encode
from tests.faults.client import Client
from tests.faults.scripts import processes_of
from tests.faults.test_races import together
from tests.fixtures.grid import GridUnderTest

MEMBERS = 8
SCRIPT = b"import sys, time\ntime.sleep(0.3)\nsys.exit(int(sys.argv[1]) % 2)\n"
ENDED = ("succeeded", "failed", "cancelled")


def submit(client: Client, key: str, **more: Any) -> str:
    """A batch of which every other member fails; its id."""
    client.upload(SCRIPT)
    content = encode(Member(f"m{number}", (str(number),)) for number in range(MEMBERS))
    listed = {"sha256": client.upload(content), "size_bytes": len(content), "count": MEMBERS}
    script = {"path": "s.py", "sha256": hashlib.sha256(SCRIPT).hexdigest(), "size_bytes": len(SCRIPT)}
    body = {"script": script, "runtime": "python", "members": listed, "parallel": 2, **more}
    return str(client.call("POST", "/batches", body, Idempotency_Key=key)["id"])


def over(client: Client, id: str, seconds: float, min_seq: int) -> dict[str, Any]:
    """The batch once it has ended, as of that position or later."""
    deadline = time.monotonic() + seconds
    while True:
        doc = dict(client.call("GET", f"/batches/{id}?min_seq={min_seq}"))
        if doc["status"] in ENDED:
            return doc
        assert time.monotonic() < deadline, f"{id} did not end within {seconds} s: {doc}"
        time.sleep(0.1)


def trying(client: Client, path: str, body: Any, sequences: list[int]) -> Callable[[], None]:
    """Ask for it, and note its position; that there is nothing to do, or that it is too early, is an answer as well."""

    def ask() -> None:
        with suppress(urllib.error.HTTPError):
            sequences.append(client.call("POST", path, body)["sequence"])

    return ask


@pytest.mark.parametrize("after_seconds", [0.0, 0.5, 1.5])
def test_cancel_and_retry_of_a_batch_race_to_one_end(shared_grid: GridUnderTest, after_seconds: float) -> None:
    client = Client(shared_grid)
    id = submit(client, f"race-{time.time_ns()}", failures_max=3 if after_seconds else 0)
    time.sleep(after_seconds)
    members = client.call("GET", f"/batches/{id}/members")["items"]
    done: list[int] = []
    retry = trying(client, f"/batches/{id}/retry", {"statuses": ["failed", "cancelled"]}, done)
    cancel = trying(client, f"/batches/{id}/cancel", {}, done)
    paths = [f"/executions/{each['id']}/{verb}" for each in members[:2] for verb in ("cancel", "retry")]
    single = [trying(client, path, {}, done) for path in paths]
    together(cancel, retry, cancel, retry, *single)
    together(retry, cancel, *single)
    doc = over(client, id, 90, max(done))
    members = client.call("GET", f"/batches/{id}/members")["items"]
    assert [each["member"] for each in members] == [f"m{number}" for number in range(MEMBERS)]
    assert sum(doc["counts"].values()) == MEMBERS
    for each in members:
        assert each["status"] in ENDED
        check_member(client.events(each["id"]))
        assert processes_of(each["id"]) == []
    kinds = [event["type"] for event in client.call("GET", f"/batches/{id}/events")["items"]]
    assert kinds.count("batch.expanded") == kinds.count("batch.retried") + 1
    assert kinds[-1] == "batch.finished"


def check_member(events: list[dict[str, Any]]) -> None:
    """Written once; an end and a retry by turns; every attempt assigned once, and billed at most once."""
    kinds = [event["type"] for event in events]
    assert kinds.count("execution.submitted") == 1
    turns = [kind for kind in kinds if kind in ("execution.finished", "execution.retried")]
    assert turns == ["execution.finished", "execution.retried"] * (len(turns) // 2) + ["execution.finished"]
    assigned = [event["data"]["attempt"] for event in events if event["type"] == "execution.assigned"]
    assert assigned == list(range(1, len(assigned) + 1))
    bills = [event["data"]["charges"] for event in events if event["type"] == "cost.finalized"]
    billed = [charge["attempt"] for charges in bills for charge in charges]
    assert len(billed) == len(set(billed))
