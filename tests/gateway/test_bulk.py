"""The same for many executions, each by itself; and costs and lists of one batch."""

from __future__ import annotations

from domain.batch.members import member_id
from domain.cost.commands import FinalizeCost
from domain.cost.events import AttemptCharge
from services.runtime.log import Ref
from tests.gateway.batch_play import end, members_of, submit_batch
from tests.gateway.conftest import ACCOUNT, NODE, GatewayUnderTest


async def test_each_is_done_or_refused_by_itself(gateway: GatewayUnderTest) -> None:
    waits, runs, ended = [await gateway.submit() for _ in range(3)]
    for execution in (runs, ended):
        await gateway.assign(execution)
    await gateway.projected(await gateway.finish(ended, 0))
    ids = [waits, runs, ended, "exec_000000000000", "nothing", waits]
    status, found = await gateway.call("POST", "/executions/bulk", json={"op": "cancel", "ids": ids})
    assert status == 200
    assert [each["id"] for each in found["items"]] == ids
    assert [each["ok"] for each in found["items"]] == [True, True, True, False, False, True]
    assert {each["error"]["code"] for each in found["items"] if not each["ok"]} == {"NOT_FOUND"}
    states = [(await gateway.handler.state(Ref(ACCOUNT, "execution", id)))[0] for id in (waits, runs, ended)]
    assert [state.status for state in states] == ["cancelled", "running", "succeeded"]
    assert states[1].cancelling
    headers = {"Idempotency-Key": "once"}
    again = {"op": "retry", "ids": [waits, runs]}
    first = await gateway.call("POST", "/executions/bulk", json=again, headers=headers)
    assert [each["ok"] for each in first[1]["items"]] == [True, False]
    assert first[1]["items"][1]["error"]["code"] == "WRONG_STATE"
    repeated = await gateway.call("POST", "/executions/bulk", json=again, headers=headers)
    assert repeated[1] == first[1]
    for wrong in ({"op": "kill", "ids": [waits]}, {"op": "cancel", "ids": []}, {"op": "cancel", "ids": ["x"] * 201}):
        assert (await gateway.call("POST", "/executions/bulk", json=wrong))[0] == 422
    other, _ = await gateway.new_key("other")
    _, foreign = await gateway.call("POST", "/executions/bulk", json={"op": "cancel", "ids": [waits]}, key=other)
    assert foreign["items"][0]["ok"] is False


async def test_the_cost_of_a_batch_is_that_of_its_members(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(3))
    alone = await gateway.submit()
    ids = [member_id(ACCOUNT, batch, index) for index in range(2)]
    for index in range(2):
        await end(gateway, batch, index)
    for micros, id in enumerate([*ids, alone], 5):
        charge = AttemptCharge(1, NODE, "cx23", 1_000_000, micros, micros)
        charged = await gateway.command(Ref(ACCOUNT, "cost", id), FinalizeCost((charge,), "v1"))
    _, found = await gateway.call("GET", f"/cost?batch={batch[:14]}&min_seq={charged.position}")
    assert (found["charged_micros"], found["executions"]) == (5 + 6, 2)
    _, all_of_it = await gateway.call("GET", "/cost")
    assert all_of_it["charged_micros"] == 5 + 6 + 7
    _, doc = await gateway.call("GET", f"/batches/{batch}")
    assert doc["cost"]["charged_micros"] == 5 + 6
    assert (await gateway.call("GET", "/cost?batch=batch_000000000000"))[0] == 404
