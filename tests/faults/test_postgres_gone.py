"""F11: Postgres is killed and its data folder is gone: it is made anew and rebuilt from the log, without a hand."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request

import pytest

from tests.faults.client import Client
from tests.faults.scripts import SLEEPER, WORK, begin, run_to_end
from tests.fixtures.grid import GridUnderTest


@pytest.mark.parametrize("lost", ["everything", "half"])
def test_a_lost_data_folder_is_rebuilt_by_itself(grid: GridUnderTest, lost: str) -> None:
    client = Client(grid)
    before = [run_to_end(client, WORK, args=[str(number)]) for number in range(3)]
    _, running = begin(grid, SLEEPER)
    data = (grid.home / "pg" / "data").resolve()
    gone = data if lost == "everything" else data / "global"
    aside = gone.rename(data.parent / "lost")
    grid.kill("postgres")
    shutil.rmtree(aside, ignore_errors=True)
    refused = watch_refusals(client, before[0]["id"], seconds=30)
    assert refused <= {503}
    assert [client.get(doc["id"]) for doc in before] == before
    assert run_to_end(client, WORK)["status"] == "succeeded"
    client.call("POST", f"/executions/{running}/cancel", {})
    assert client.ended(running, 30)["status"] == "cancelled"
    check = grid.rgrid("projections", "rebuild", "--check")
    assert check.returncode == 0, check.stdout + check.stderr


def watch_refusals(client: Client, id: str, seconds: float) -> set[int]:
    """Every status that a reader of `id` gets until it is there again: never "unknown", never "not your key"."""
    refused: set[int] = set()
    until = time.monotonic() + seconds
    request = urllib.request.Request(
        f"{client.base}/executions/{id}", headers={"Authorization": f"Bearer {client.key}"}
    )
    away = False
    while True:
        try:
            with urllib.request.urlopen(request, timeout=15):
                if away:
                    return refused
        except urllib.error.HTTPError as error:
            away = True
            refused.add(error.code)
        assert time.monotonic() < until, f"not back after {seconds} s; it answered {refused}"
        time.sleep(0.02)
