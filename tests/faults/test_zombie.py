"""F2: a runner that was stopped past its lease and goes on changes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.faults.history import check_history
from tests.faults.scripts import processes_of, start_two_lives
from tests.fixtures.grid import GridUnderTest


def test_a_zombie_that_wakes_past_its_lease_changes_nothing(new_grid: Callable[..., GridUnderTest]) -> None:
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
    assert processes_of(id) == []
