"""How long a project keeps its files, and what is said of what is not kept any longer."""

from __future__ import annotations

from typing import Any

import pytest

from domain.batch.members import member_id
from domain.execution import commands as c
from domain.execution.events import AttemptResult, LogSummary, Reason
from domain.files import FileRef, file_set
from domain.retention import DAY_US, DAYS_DEFAULT, DAYS_MAX
from services.runtime.log import Ref
from tests.gateway.batch_play import end, finish, members_of, submit_batch
from tests.gateway.conftest import ACCOUNT, NODE, NOW, GatewayUnderTest, chunk_payload

HOUR_US = 3_600_000_000


async def ended(gateway: GatewayUnderTest, **more: Any) -> str:
    """An execution that ended at NOW, with one output and one line of log."""
    execution = await gateway.submit(**more)
    await gateway.assign(execution)
    await gateway.print(execution, chunk_payload(1, b"hello\n"))
    out = FileRef("out.txt", await gateway.store(b"result"), 6)
    log = LogSummary(1, 1, 1, size_bytes=6, archive=await gateway.store(b"the archive"))
    result = AttemptResult("succeeded", Reason("OK", "ok"), 0, ended_at_us=NOW, outputs=file_set((out,)), log=log)
    finish = c.FinishExecution(1, NODE, result, NOW)
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "execution", execution), finish))
    return execution


async def test_projects_are_listed_with_what_they_keep(gateway: GatewayUnderTest) -> None:
    assert await gateway.call("GET", "/projects") == (200, {"items": []})
    for project in ("thesis", "demo"):
        await gateway.submit(project=project)
    status, body = await gateway.call("PUT", "/projects/thesis", json={"retention_days": 90})
    assert (status, body["retention_days"], body["default"]) == (200, 90, False)
    _, body = await gateway.call("GET", f"/projects?min_seq={body['sequence']}")
    assert [(each["name"], each["retention_days"], each["default"]) for each in body["items"]] == [
        ("demo", DAYS_DEFAULT, True),
        ("thesis", 90, False),
    ]
    assert (await gateway.call("GET", "/projects/thesis"))[1]["retention_days"] == 90
    assert (await gateway.call("GET", "/projects/new"))[1] == {
        "name": "new",
        "retention_days": DAYS_DEFAULT,
        "default": True,
    }


async def test_a_policy_can_come_before_the_first_run(gateway: GatewayUnderTest) -> None:
    _, body = await gateway.call("PUT", "/projects/later", json={"retention_days": 7})
    _, body = await gateway.call("GET", f"/projects?min_seq={body['sequence']}")
    assert [each["name"] for each in body["items"]] == ["later"]


async def test_accounts_do_not_see_each_others_projects(gateway: GatewayUnderTest) -> None:
    other, _ = await gateway.new_key("other")
    _, body = await gateway.call("PUT", "/projects/thesis", json={"retention_days": 7})
    minimum = f"?min_seq={body['sequence']}"
    assert (await gateway.call("GET", f"/projects{minimum}", key=other))[1] == {"items": []}
    assert (await gateway.call("GET", f"/projects/thesis{minimum}", key=other))[1]["default"]


@pytest.mark.parametrize("days", [0, -1, DAYS_MAX + 1, "90", 1.5, None, True])
async def test_what_is_no_number_of_days_is_refused(gateway: GatewayUnderTest, days: Any) -> None:
    status, body = await gateway.call("PUT", "/projects/thesis", json={"retention_days": days})
    assert (status, body["error"]["code"]) == (422, "INVALID_REQUEST")


async def test_until_when_it_is_kept_is_said_and_follows_the_policy(gateway: GatewayUnderTest) -> None:
    execution = await ended(gateway, project="thesis")
    assert await kept_until(gateway, execution) == "2023-12-14T22:13:20.000Z"
    _, body = await gateway.call("PUT", "/projects/thesis", json={"retention_days": 90})
    assert await kept_until(gateway, execution, body["sequence"]) == "2024-02-12T22:13:20.000Z"


async def kept_until(gateway: GatewayUnderTest, execution: str, sequence: int = 0) -> str:
    """As both say it."""
    _, doc = await gateway.call("GET", f"/executions/{execution}?min_seq={sequence}")
    _, listed = await gateway.call("GET", f"/executions/{execution}/outputs?min_seq={sequence}")
    assert doc["kept_until"] == listed["kept_until"]
    assert not doc["artifacts_expired"]
    return str(doc["kept_until"])


async def test_what_is_not_kept_any_longer_is_said_by_name(gateway: GatewayUnderTest) -> None:
    execution = await ended(gateway)
    expire = c.ExpireArtifacts(NOW + DAYS_DEFAULT * DAY_US)
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "execution", execution), expire))
    _, doc = await gateway.call("GET", f"/executions/{execution}")
    assert (doc["artifacts_expired"], doc["kept_until"]) == (True, "2023-12-14T22:13:20.000Z")
    for method, path in (("GET", "outputs"), ("GET", "logs"), ("GET", "logs?format=ndjson"), ("POST", "retry")):
        status, body = await gateway.call(method, f"/executions/{execution}/{path}")
        assert (status, body["error"]["code"]) == (409, "ARTIFACTS_EXPIRED"), path
    status, body = await gateway.call("GET", f"/executions/{execution}/events")
    assert status == 200
    assert body["items"][-1]["type"] == "execution.artifacts_expired"


async def test_what_left_nothing_has_nothing_that_could_be_gone(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.finish(execution, 0)
    expire = c.ExpireArtifacts(NOW + HOUR_US)
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "execution", execution), expire))
    status, body = await gateway.call("GET", f"/executions/{execution}/outputs")
    assert (status, body["items"]) == (200, [])
    async with gateway.http.get(
        f"{gateway.url}/api/v1/executions/{execution}/logs", headers={"Authorization": f"Bearer {gateway.key}"}
    ) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_a_batch_is_retried_as_far_as_its_members_are_kept(gateway: GatewayUnderTest) -> None:
    batch = await submit_batch(gateway, members_of(2))
    for index in range(2):
        last = await end(gateway, batch, index, "failed")
    await gateway.projected(last)
    await finish(gateway, batch, {"failed": 2})
    for index, expected in ((0, 200), (1, 409)):
        expire = c.ExpireArtifacts(NOW + DAYS_DEFAULT * DAY_US)
        gone = await gateway.command(Ref(ACCOUNT, "execution", member_id(ACCOUNT, batch, index)), expire)
        await gateway.projected(gone)
        status, body = await gateway.call("POST", f"/batches/{batch}/retry", json={"statuses": ["failed"]})
        assert status == expected
    assert body["error"]["code"] == "ARTIFACTS_EXPIRED"
