"""F8: the log ends before what was read from it (an older copy was put back): everything halts and says so (P11)."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request

from tests.faults.client import Client
from tests.faults.inside import doctor
from tests.faults.scripts import WORK, run_to_end
from tests.fixtures.grid import GridUnderTest


def test_an_older_copy_of_the_log_halts_the_grid_loudly(grid: GridUnderTest) -> None:
    client = Client(grid)
    run_to_end(client, WORK)
    grid.down()
    nats, copy = grid.home / "nats", grid.home / "nats.older"
    shutil.copytree(nats, copy)
    grid.up()
    run_to_end(client, WORK, args=["lost"])
    grid.down()
    newer = grid.home / "nats.newer"
    nats.rename(newer)
    copy.rename(nats)
    said = grid.local("up", "-d", check=False)
    assert said.returncode != 0
    assert "DAMAGED_HISTORY" in said.stderr and "copy of the log" in said.stderr
    shutil.rmtree(nats)
    newer.rename(nats)
    grid.up()
    assert run_to_end(client, WORK)["status"] == "succeeded"


def test_a_log_that_goes_back_under_a_running_grid_refuses_writes(grid: GridUnderTest) -> None:
    client = Client(grid)
    run_to_end(client, WORK)
    run_to_end(client, WORK, args=["lost"])
    streams = next((grid.home / "nats").rglob("EVENTS"))
    grid.kill("nats-server")
    shutil.rmtree(streams)
    until = time.monotonic() + 30
    while (code := submit_code(client)) != 500:
        assert time.monotonic() < until, f"a submit answers {code}"
        time.sleep(0.2)
    assert "DAMAGED_HISTORY" in grid.log("services")
    assert doctor(grid)["gateway"]["state"] == "fail"


def submit_code(client: Client) -> int:
    url = client.base + "/executions"
    body = b'{"script": {"path": "s.py", "sha256": "%s", "size_bytes": 1, "mode": 420}}' % (b"0" * 64)
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0
