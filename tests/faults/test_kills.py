"""Killing anything at any time loses nothing: real processes, real SIGKILL."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.client import Client
from tests.fixtures.grid import GridUnderTest

PARTS = ("nats-server", "postgres", "services", "gateway", "runner")
EXECUTIONS = 200
KILLS = 15


def check_history(events: list[dict[str, Any]]) -> None:
    """One accepted end, every attempt assigned once, every attempt billed at most once."""
    kinds = Counter(event["type"] for event in events)
    assert kinds["execution.submitted"] == 1
    assert kinds["execution.finished"] == 1
    assigned = [event["data"]["attempt"] for event in events if event["type"] == "execution.assigned"]
    assert assigned == list(range(1, len(assigned) + 1))
    billed = [
        charge["attempt"]
        for event in events
        if event["type"] == "cost.finalized"
        for charge in event["data"]["charges"]
    ]
    assert len(billed) == len(set(billed))


WORK = b"""
import os, time
print('begin', os.environ['RGRID_ATTEMPT'])
time.sleep(0.02)
open('out.txt', 'w').write('done')
"""


@pytest.mark.timeout(600)
def test_random_kills_during_two_hundred_executions(grid: GridUnderTest) -> None:
    seed = int(os.environ.get("RGRID_BENCH_SEED", random.randrange(10**6)))
    print(f"seed {seed}: repeat with RGRID_BENCH_SEED={seed}")
    dice = random.Random(seed)
    client = Client(grid)
    script = WORK
    client.upload(script)
    ids: list[str] = []

    def submit() -> None:
        for number in range(EXECUTIONS):
            ids.append(client.submit(script, f"kills-{number}", args=[str(number)]))
            time.sleep(dice.random() * 0.15)

    submitter = threading.Thread(target=submit)
    submitter.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.3, 2.0))
        part = dice.choice(PARTS)
        pid = grid.pids.get(part)
        if pid:
            with_suppressed_kill(pid)
    submitter.join(300)
    assert not submitter.is_alive()
    assert len(set(ids)) == EXECUTIONS
    docs = [client.ended(id, 180) for id in ids]
    assert Counter(doc["status"] for doc in docs) == {"succeeded": EXECUTIONS}
    for doc in docs:
        check_history(client.events(doc["id"]))
        assert [entry["path"] for entry in doc["outputs"]["entries"]] == ["out.txt"]
    check = grid.rgrid("projections", "rebuild", "--check")
    assert check.returncode == 0, check.stdout + check.stderr


def with_suppressed_kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


TWO_LIVES = b"""
import os, time
print('attempt', os.environ['RGRID_ATTEMPT'], flush=True)
if os.environ['RGRID_ATTEMPT'] == '1':
    time.sleep(600)
"""


def start_two_lives(grid: GridUnderTest, **more: Any) -> tuple[Client, str]:
    client = Client(grid)
    client.upload(TWO_LIVES)
    id = client.submit(TWO_LIVES, f"two-lives-{time.time_ns()}", **more)
    client.until(id, 20, "running")
    return client, id


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
        with_suppressed_kill(pid)
    grid.up()
    doc = Client(grid).ended(id, 60)
    assert doc["status"] == "succeeded"
    assert grid.rgrid("projections", "rebuild", "--check").returncode == 0


def test_a_zombie_that_wakes_past_its_lease_changes_nothing(new_grid: Callable[..., GridUnderTest]) -> None:
    """F2: SIGSTOP past the lease, then SIGCONT."""
    grid = new_grid(RGRID_LEASE_SECONDS="3", RGRID_HEARTBEAT_SECONDS="0.5").up()
    client, id = start_two_lives(grid)
    runner = grid.pids["runner"]
    os.kill(runner, signal.SIGSTOP)
    try:
        until = time.monotonic() + 40
        while client.get(id)["attempts"][0]["status"] != "lost":
            assert time.monotonic() < until, client.get(id)
            time.sleep(0.2)
    finally:
        os.kill(runner, signal.SIGCONT)
    doc = client.ended(id, 60)
    assert doc["status"] == "succeeded"
    assert [attempt["status"] for attempt in doc["attempts"]] == ["lost", "succeeded"]
    check_history(client.events(id))
    left = subprocess.run(["pgrep", "-fc", "time.sleep(600)"], capture_output=True, text=True)
    assert left.stdout.strip() == "0"


TICKS = b"import time\nfor i in range(60):\n    print('tick', i, flush=True)\n    time.sleep(0.1)\n"


@pytest.mark.parametrize("part", ["gateway", "nats-server", "services", "postgres"])
def test_a_follower_loses_and_repeats_no_line_when_a_part_is_killed(grid: GridUnderTest, part: str) -> None:
    client = Client(grid)
    client.upload(TICKS)
    id = client.submit(TICKS, "ticks")
    client.until(id, 20, "running")
    rgrid = str(Path(sys.executable).with_name("rgrid"))
    # Unbuffered: communicate() does not know of what readline() took ahead.
    follower = subprocess.Popen(
        [rgrid, "logs", "-f", id], env=grid.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert follower.stdout is not None
    first = follower.stdout.readline()
    time.sleep(1)
    grid.kill(part)
    rest, said = follower.communicate(timeout=90)
    assert follower.returncode == 0, said.decode()
    assert first + rest == b"".join(b"tick %d\n" % i for i in range(60)), said.decode()


def test_a_repeated_submit_is_the_same_execution_and_another_payload_is_refused(grid: GridUnderTest) -> None:
    import urllib.error

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
