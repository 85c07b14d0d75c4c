"""F17: cancel, finish and retry at the same moment: one end, by a rule. And retries of scripts beside faults of the platform."""

from __future__ import annotations

import threading
import time
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.scripts import SLEEPER, begin, processes_of
from tests.fixtures.grid import GridUnderTest

QUICK = b"import time\ntime.sleep(0.25)\n"
FAILS = b"import os, sys, time\nprint(os.environ['RGRID_ATTEMPT'])\ntime.sleep(float(sys.argv[1]))\nsys.exit(3)\n"
STUBBORN = b"""
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('not me', flush=True)
time.sleep(600)
"""


def cancel(client: Client, id: str) -> dict[str, Any]:
    return dict(client.call("POST", f"/executions/{id}/cancel", {}))


def together(*doings: Callable[[], object]) -> None:
    threads = [threading.Thread(target=doing) for doing in doings]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


@pytest.mark.parametrize("after_seconds", [0.0, 0.15, 0.25, 0.3, 0.35])
def test_cancel_racing_the_end_is_one_end(shared_grid: GridUnderTest, after_seconds: float) -> None:
    client, id = begin(shared_grid, QUICK)
    time.sleep(after_seconds)
    together(lambda: cancel(client, id), lambda: cancel(client, id))
    doc = client.ended(id, 30)
    assert doc["status"] in ("cancelled", "succeeded")
    check_history(client.events(id))
    assert processes_of(id) == []
    assert cancel(client, id)["status"] == doc["status"]


def test_a_queued_execution_is_cancelled_at_once(shared_grid: GridUnderTest) -> None:
    client = Client(shared_grid)
    client.upload(SLEEPER)
    limits = {"cpu_millis": 1000, "memory_bytes": 64 * 1024**2, "timeout_seconds": 600}
    ids = [client.submit(SLEEPER, f"full-{time.time_ns()}", limits=limits) for _ in range(12)]
    waiting = [id for id in ids if client.get(id)["status"] == "queued"]
    for id in reversed(ids):
        cancel(client, id)
    docs = {id: client.ended(id, 60) for id in ids}
    assert {doc["status"] for doc in docs.values()} == {"cancelled"}
    assert any(docs[id]["attempts"] == [] for id in waiting)
    assert [each for id in ids for each in processes_of(id)] == []


def test_a_stubborn_script_is_dead_before_it_is_cancelled(shared_grid: GridUnderTest) -> None:
    """P13"""
    client, id = begin(shared_grid, STUBBORN)
    assert processes_of(id) != []
    cancel(client, id)
    doc = client.until(id, 30, "cancelled")
    assert processes_of(id) == []
    assert doc["reason"]["code"] == "CANCELLED"


def test_retry_racing_cancel_is_one_history(shared_grid: GridUnderTest) -> None:
    client, id = begin(shared_grid, SLEEPER)
    cancel(client, id)
    client.until(id, 30, "cancelled")
    refused: list[int] = []

    def retry() -> None:
        try:
            client.call("POST", f"/executions/{id}/retry", {})
        except urllib.error.HTTPError as error:
            refused.append(error.code)

    together(retry, lambda: cancel(client, id), retry, lambda: cancel(client, id))
    cancel(client, id)
    doc = client.ended(id, 30)
    assert doc["status"] == "cancelled"
    assert set(refused) <= {409}
    kinds = [event["type"] for event in client.events(id)]
    assert kinds.count("execution.finished") == kinds.count("execution.retried") + 1
    ends = [kind for kind in kinds if kind in ("execution.finished", "execution.retried")]
    assert ends == ["execution.finished", "execution.retried"] * (len(ends) // 2) + ["execution.finished"]
    assert processes_of(id) == []


def test_faults_of_the_platform_use_up_no_retries(grid: GridUnderTest) -> None:
    """P5: the first attempt dies with its runner, the script fails twice, `retries` is 1."""
    client, id = begin(grid, FAILS, retries=1, args=["1.5"])
    grid.kill("runner")
    doc = client.ended(id, 90)
    assert [(each["status"], each["platform"]) for each in doc["attempts"]] == [
        ("lost", True),
        ("failed", False),
        ("failed", False),
    ]
    assert (doc["status"], doc["exit_code"]) == ("failed", 3)
    check_history(client.events(id))
    starts = [each["assigned_at"] for each in doc["attempts"]]
    assert starts == sorted(starts)
