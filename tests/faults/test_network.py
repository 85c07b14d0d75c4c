"""F4: the node cannot reach NATS for a while: nothing happens within the lease, and beyond it there is one result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.client import Client
from tests.faults.history import check_history
from tests.faults.inside import nats_port
from tests.faults.relay import Relay
from tests.faults.scripts import begin, processes_of, start_two_lives
from tests.fixtures.grid import GridUnderTest

LEASE_SECONDS = 4.0
TEN_TICKS = b"import time\nfor i in range(10):\n    print('tick', i, flush=True)\n    time.sleep(0.2)\n"


@pytest.fixture(scope="module")
def cable() -> Iterator[Relay]:
    found: list[GridUnderTest] = []
    relay = Relay(lambda: nats_port(found[0]))
    relay.grids = found  # type: ignore[attr-defined]
    yield relay
    relay.close()


@pytest.fixture
def cabled(new_grid: Callable[..., GridUnderTest], cable: Relay) -> GridUnderTest:
    """A grid with a short lease whose runner reaches NATS through `cable` only."""
    grid = new_grid(
        RGRID_NATS_NODE_URL=f"nats://127.0.0.1:{cable.port}",
        RGRID_LEASE_SECONDS=str(LEASE_SECONDS),
        RGRID_HEARTBEAT_SECONDS="0.5",
    )
    cable.grids[:] = [grid]  # type: ignore[attr-defined]
    return grid.up()


def test_a_cut_within_the_lease_is_not_noticed(cabled: GridUnderTest, cable: Relay) -> None:
    client, id = begin(cabled, TEN_TICKS)
    cable.cut()
    time.sleep(LEASE_SECONDS - 1)
    cable.mend()
    doc = client.ended(id, 30)
    assert [(each["status"], each["attempt"]) for each in doc["attempts"]] == [("succeeded", 1)]
    assert cabled.rgrid("logs", id).stdout == "".join(f"tick {i}\n" for i in range(10))


@pytest.mark.parametrize("directions", [("up", "down"), ("up",), ("down",)], ids="-".join)
def test_a_cut_beyond_the_lease_ends_in_one_result(
    cabled: GridUnderTest, cable: Relay, directions: tuple[str, ...]
) -> None:
    client, id = start_two_lives(cabled)
    cable.cut(*directions)
    if "up" in directions:
        lost(client, id)
    else:
        time.sleep(3 * LEASE_SECONDS)
    cable.mend()
    if client.get(id)["attempt"] == 1 and "up" not in directions:
        client.call("POST", f"/executions/{id}/cancel", {})
    doc = client.ended(id, 60)
    assert doc["status"] in ("succeeded", "cancelled")
    check_history(client.events(id))
    assert processes_of(id) == []


def lost(client: Client, id: str) -> None:
    until = time.monotonic() + 60
    while client.get(id)["attempts"][0]["status"] != "lost":
        assert time.monotonic() < until, client.get(id)
        time.sleep(0.2)
