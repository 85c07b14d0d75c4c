"""A batch that is stopped or cancelled while members of it run comes to its end, on a real grid."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from domain.batch.members import Member, encode
from tests.faults.client import Client
from tests.faults.test_batch_races import over
from tests.fixtures.grid import GridUnderTest

SCRIPT = b"import sys, time\ntime.sleep(float(sys.argv[1]))\nsys.exit(1)\n"


def submitted(client: Client, seconds: tuple[str, ...], **more: Any) -> str:
    """A batch whose members fail after so many seconds each; its id."""
    client.upload(SCRIPT)
    content = encode(Member(f"m{number}", (each,)) for number, each in enumerate(seconds))
    listed = {"sha256": client.upload(content), "size_bytes": len(content), "count": len(seconds)}
    script = {"path": "s.py", "sha256": hashlib.sha256(SCRIPT).hexdigest(), "size_bytes": len(SCRIPT)}
    body = {"script": script, "runtime": "python", "members": listed, "limits": {"cpu_millis": 500}, **more}
    return str(client.call("POST", "/batches", body, Idempotency_Key=f"halted-{time.time_ns()}")["id"])


def test_who_ran_when_it_was_stopped_has_another_attempt_and_then_it_ends(shared_grid: GridUnderTest) -> None:
    """`--fail-fast --retries 1`, with two that run."""
    client = Client(shared_grid)
    id = submitted(client, ("0", "6"), failures_max=1, retries=1)
    doc = over(client, id, 90, 0)
    assert doc["counts"]["failed"] == 2
    kinds = [event["type"] for event in client.call("GET", f"/batches/{id}/events")["items"]]
    assert kinds.index("batch.stopped") < kinds.index("batch.finished")
    members = client.call("GET", f"/batches/{id}/members")["items"]
    assert [each["attempt"] for each in members] == [2, 2]
