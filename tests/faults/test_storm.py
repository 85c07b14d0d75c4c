"""Killing anything at any time loses nothing: a stream of executions while parts of the grid die at random."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest

from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.scripts import WORK
from tests.fixtures.grid import GridUnderTest

PARTS = ("nats-server", "postgres", "services", "gateway", "runner")
EXECUTIONS = 200
KILLS = 15


@pytest.mark.timeout(300)
def test_random_kills_during_two_hundred_executions(grid: GridUnderTest) -> None:
    seed = int(os.environ.get("RGRID_BENCH_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with RGRID_BENCH_SEED={seed}")
    dice = random.Random(seed)
    client = Client(grid)
    client.upload(WORK)
    ids: list[str] = []
    pauses = [dice.random() * 0.15 for _ in range(EXECUTIONS)]

    def submit() -> None:
        for number, pause in enumerate(pauses):
            ids.append(client.submit(WORK, f"kills-{number}", args=[str(number)]))
            time.sleep(pause)

    submitter = threading.Thread(target=submit)
    submitter.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.3, 2.0))
        kill_one(grid, dice.choice(PARTS))
    submitter.join(120)
    assert not submitter.is_alive()
    assert len(set(ids)) == EXECUTIONS
    docs = [client.ended(id, 90) for id in ids]
    assert Counter(doc["status"] for doc in docs) == {"succeeded": EXECUTIONS}
    for doc in docs:
        check_history(client.events(doc["id"]))
        assert [entry["path"] for entry in doc["outputs"]["entries"]] == ["out.txt"]
        assert doc["log"]["lines"] == 1
    check_logs(client, docs[:: len(docs) // 20])
    check = grid.rgrid("projections", "rebuild", "--check")
    assert check.returncode == 0, check.stdout + check.stderr


def kill_one(grid: GridUnderTest, part: str) -> None:
    pid = grid.pids.get(part)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def check_logs(client: Client, docs: list[dict[str, object]]) -> None:
    """What the accepted attempt printed is all there, once."""
    for doc in docs:
        last = doc["attempts"][-1]["attempt"]  # type: ignore[index]
        assert client.raw(f"/executions/{doc['id']}/logs?attempt={last}") == b"begin %d\n" % last
