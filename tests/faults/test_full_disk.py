"""F10: the disk is full: refused with 503 or 507 and when to come again, nothing acknowledged is lost, it heals by itself."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.scripts import SLEEPER, WORK, begin, run_to_end
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires

DISK = "256m"
HEALED_SECONDS_MAX = 60
SUBMITS = 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@requires("root")
def test_a_full_disk_refuses_and_heals(disk: Path, new_grid: Callable[..., GridUnderTest]) -> None:
    grid = new_grid(disk / "home").up()
    client, running = begin(grid, SLEEPER)
    before = run_to_end(client, WORK)
    impatient = Client(grid, patience_seconds=0)
    fill(disk / "filler")
    assert refusal(lambda: impatient.upload(os.urandom(5000))) == (507, "30")
    refused = [refusal(lambda: submit(impatient, number)) for number in range(SUBMITS)]  # noqa: B023
    assert refused[-1] == (503, "1") and set(refused) <= {None, (503, "1")}
    (disk / "filler").unlink()
    until = time.monotonic() + HEALED_SECONDS_MAX
    while refusal(lambda: submit(impatient, SUBMITS)) is not None:
        assert time.monotonic() < until, grid.log("nats-server")[-2000:]
        time.sleep(0.2)
    assert refusal(lambda: impatient.upload(os.urandom(5000))) is None
    ids = [submit(client, number) for number in range(SUBMITS + 1)]
    docs = [client.ended(id, 60) for id in ids]
    assert {doc["status"] for doc in docs} == {"succeeded"}
    for doc in docs:
        check_history(client.events(doc["id"]))
    assert client.get(before["id"]) == before
    client.call("POST", f"/executions/{running}/cancel", {})
    assert client.ended(running, 30)["status"] == "cancelled"


def fill(path: Path) -> None:
    """Until not one byte more fits, nor does one of what others write next."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for piece in (b"0" * 65536, b"0"):
        with suppress(OSError):
            while True:
                os.write(file, piece)
    os.close(file)


def submit(client: Client, number: int) -> str:
    """The same execution for the same number, however often it is asked for."""
    return client.submit(WORK, f"full-{number}", args=["x" * 2000, str(number)])


def refusal(doing: Callable[[], object]) -> tuple[int, str] | None:
    """Status and Retry-After when it is refused."""
    try:
        doing()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")
    return None
