"""Killed with -9: a runner in the middle of a run, the supervisor, everything at once; it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.scripts import start_two_lives
from tests.fixtures.grid import GridUnderTest


def test_a_runner_killed_mid_run_costs_no_retry_and_both_attempts_are_seen(grid: GridUnderTest) -> None:
    client, id = start_two_lives(grid, retries=0)
    time.sleep(0.5)
    grid.kill("runner")
    doc = client.ended(id, 90)
    assert doc["status"] == "succeeded"
    assert [attempt["status"] for attempt in doc["attempts"]] == ["lost", "succeeded"]
    assert doc["attempts"][0]["platform"] is True
    followed = grid.rgrid("logs", id, "--attempt", "1")
    assert followed.stdout == "attempt 1\n"
    assert grid.rgrid("logs", id, "--attempt", "2").stdout == "attempt 2\n"
    check_history(client.events(id))


def test_killing_the_supervisor_leaves_no_orphan_and_the_next_up_goes_on(grid: GridUnderTest) -> None:
    client, id = start_two_lives(grid)
    pids = grid.pids
    os.kill(pids["supervisor"], signal.SIGKILL)
    until = time.monotonic() + 20
    while any(alive(pid) for pid in pids.values()):
        assert time.monotonic() < until, {name: pid for name, pid in pids.items() if alive(pid)}
        time.sleep(0.1)
    left = subprocess.run(["pgrep", "-f", str(grid.home)], capture_output=True, text=True).stdout.split()
    assert left == []
    grid.up()
    doc = Client(grid).ended(id, 60)
    assert doc["status"] == "succeeded"
    check_history(Client(grid).events(id))
    assert client.key == grid.api_key


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_everything_killed_at_once_and_started_again_goes_on(grid: GridUnderTest) -> None:
    _, id = start_two_lives(grid)
    pids = grid.pids
    for pid in (pids.pop("supervisor"), *pids.values()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    grid.up()
    doc = Client(grid).ended(id, 60)
    assert doc["status"] == "succeeded"
    assert grid.rgrid("projections", "rebuild", "--check").returncode == 0


def test_a_repeated_submit_is_the_same_execution_and_another_payload_is_refused(grid: GridUnderTest) -> None:
    client = Client(grid)
    script = b"print('once')\n"
    client.upload(script)
    first = client.submit(script, "same")
    grid.kill("gateway")
    assert client.submit(script, "same") == first
    with pytest.raises(urllib.error.HTTPError) as refused:
        client.submit(script, "same", args=["other"])
    assert refused.value.code == 422
    assert json.loads(refused.value.read())["error"]["code"] == "IDEMPOTENCY_MISMATCH"
