"""What is said before anything runs, and that asking does nothing."""

from __future__ import annotations

from domain.node.commands import JoinNode
from domain.node.offer import Offer
from domain.prices import VERSION
from services.runtime.log import Ref
from tests.gateway.conftest import NODE, SCRIPT, SHA, GatewayUnderTest

ASKED = {"script": {"path": "hello.py", "sha256": SHA}, "runtime": "python", "count": 1000}


async def joined(gateway: GatewayUnderTest) -> None:
    offer = Offer("local", 4000, 8 * 1024**3, "process", ("python",))
    await gateway.projected(await gateway.command(Ref("grid", "node", NODE), JoinNode("inc-1", offer)))


async def test_a_script_that_never_ran_is_assumed_and_nothing_is_written(gateway: GatewayUnderTest) -> None:
    await joined(gateway)
    before = await gateway.parts.log.last_position()
    blobs = [{"sha256": SHA, "size_bytes": len(SCRIPT)}] * 2 + [{"sha256": "0" * 64, "size_bytes": 5}]
    status, found = await gateway.call("POST", "/estimates", json={**ASKED, "blobs": blobs, "parallel": 3})
    assert status == 200
    assert (found["count"], found["slots"], found["node_types"]) == (1000, 3, ["local"])
    assert found["seconds_each"]["basis"] == "assumption"
    assert found["seconds_each"]["note"].startswith("Nothing is known of this script yet: 60 s a run are assumed")
    assert found["cost_micros"] == {"low": 0, "high": 0} and found["price_version"] == VERSION
    assert 0 < found["equivalent_micros"]["low"] < found["equivalent_micros"]["high"]
    assert 0 < found["wall_seconds"]["low"] < found["wall_seconds"]["high"]
    assert found["stored"] == {"blobs": 1, "size_bytes": len(SCRIPT)}
    assert await gateway.parts.log.last_position() == before


async def test_history_of_the_script_narrows_it(gateway: GatewayUnderTest) -> None:
    await joined(gateway)
    for _ in range(4):
        execution = await gateway.submit()
        await gateway.assign(execution)
        ended = await gateway.finish(execution, 0)
    await gateway.projected(ended)
    _, found = await gateway.call("POST", "/estimates", json=ASKED)
    each = found["seconds_each"]
    assert (each["basis"], each["runs"]) == ("history", 4)
    assert each["low"] <= each["typical"] == 0.001 <= each["high"]
    assert found["slots"] == 4


async def test_without_a_node_that_fits_there_is_no_slot(gateway: GatewayUnderTest) -> None:
    _, found = await gateway.call("POST", "/estimates", json={**ASKED, "runtime": "node"})
    assert (found["slots"], found["node_types"]) == (0, ["local"]) and found["wall_seconds"]["high"] > 0
    await joined(gateway)
    _, found = await gateway.call("POST", "/estimates", json={**ASKED, "limits": {"cpu_millis": 64_000}})
    assert found["slots"] == 0
