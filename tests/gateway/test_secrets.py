"""Secrets at the door: a value goes in and is never seen again, not in answers, not in the log, not in NATS' files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from dataclasses import replace
from typing import Any

import orjson
import pytest

from domain.account import decider
from domain.errors import Unavailable, WrongState
from domain.secret import VALUE_BYTES_MAX
from gateway.job_schemas import SubmitBody
from gateway.routes.submit import LATER, fingerprint
from gateway.vault import Vault
from services.runtime.log import Ref
from services.runtime.plain import to_json
from services.runtime.sealing import Sealer, Unreadable
from services.runtime.secret_store import SecretStore
from tests.gateway.conftest import ACCOUNT, GatewayUnderTest, submit_body

VALUE = "hunter2-$ecret"


async def set_secret(gateway: GatewayUnderTest, name: str = "TOKEN", value: str = VALUE, **more: Any) -> dict[str, Any]:
    status, body = await gateway.call("PUT", f"/secrets/{name}", json={"value": value}, **more)
    assert status == 200, body
    return dict(body)


async def opened(gateway: GatewayUnderTest, name: str = "TOKEN", account: str = ACCOUNT) -> bytes:
    kept = (await SecretStore(gateway.bus).read(account, [name]))[name]
    return Sealer(gateway.settings).open(account, name, kept.sealed)


async def test_a_secret_is_set_listed_and_removed(gateway: GatewayUnderTest) -> None:
    done = await set_secret(gateway)
    assert (done["version"], done["changed"]) == (1, True)
    assert await opened(gateway) == VALUE.encode()
    _, listed = await gateway.call("GET", f"/secrets?min_seq={done['sequence']}")
    assert [(each["name"], each["version"], each["set_by"]) for each in listed["items"]] == [
        ("TOKEN", 1, f"key:{gateway.key_id}")
    ]
    assert VALUE not in str(listed)
    status, gone = await gateway.call("DELETE", "/secrets/TOKEN")
    assert status == 200
    assert await SecretStore(gateway.bus).read(ACCOUNT, ["TOKEN"]) == {}
    _, listed = await gateway.call("GET", f"/secrets?min_seq={gone['sequence']}")
    assert listed["items"] == []
    assert (await gateway.call("DELETE", "/secrets/TOKEN"))[0] == 404


async def test_the_same_value_again_changes_nothing_and_another_one_is_another_version(
    gateway: GatewayUnderTest,
) -> None:
    await set_secret(gateway)
    again = await set_secret(gateway)
    assert (again["version"], again["changed"]) == (1, False)
    assert (await set_secret(gateway, value="other"))["version"] == 2
    await gateway.call("DELETE", "/secrets/TOKEN")
    assert (await set_secret(gateway))["version"] == 3


async def test_what_is_stored_tells_nothing_and_opens_nowhere_else(gateway: GatewayUnderTest) -> None:
    await set_secret(gateway)
    await set_secret(gateway, "OTHER", "another")
    kept = await SecretStore(gateway.bus).read(ACCOUNT, ["TOKEN", "OTHER"])
    for each in kept.values():
        assert VALUE.encode() not in to_json(each.sealed)
        assert base64.b64encode(VALUE.encode()) not in to_json(each.sealed)
    await SecretStore(gateway.bus).write(ACCOUNT, "OTHER", kept["TOKEN"].sealed, kept["OTHER"].sequence)
    with pytest.raises(Exception, match="damaged"):
        await opened(gateway, "OTHER")


async def test_bytes_that_are_no_text_come_as_base64(gateway: GatewayUnderTest) -> None:
    data = bytes(range(256))
    status, _ = await gateway.call("PUT", "/secrets/KEY", json={"base64": base64.b64encode(data).decode()})
    assert status == 200
    assert await opened(gateway, "KEY") == data


@pytest.mark.parametrize(
    "body",
    [
        {"value": VALUE, "base64": VALUE},
        {"base64": VALUE},
        {VALUE: VALUE},
        {"value": VALUE, VALUE: 1},
        {"value": [VALUE]},
        {"value": {VALUE: VALUE}},
        [VALUE],
        VALUE,
        {"value": VALUE + "x" * VALUE_BYTES_MAX},
        {"value": (VALUE + "ä") * (VALUE_BYTES_MAX // 15)},
        {"base64": VALUE * VALUE_BYTES_MAX},
        {"value": ""},
        {},
    ],
)
async def test_what_is_wrong_with_a_value_is_said_without_it(
    gateway: GatewayUnderTest, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    status, answered = await gateway.call("PUT", "/secrets/TOKEN", json=body)
    assert status == 422, answered
    assert VALUE not in str(answered)
    assert VALUE not in caplog.text
    status, answered = await gateway.call("PUT", "/secrets/TOKEN", data=f'{{"value": "{VALUE}'.encode())
    assert status == 422 and VALUE not in str(answered)
    status, answered = await gateway.call("PUT", "/secrets/TOKEN", data=f'{{"value": "{VALUE}\\ud800"}}'.encode())
    assert status == 422 and VALUE not in str(answered)


@pytest.mark.parametrize("name", ["1ST", "A-B", "A.B", "A*", ">", "N" * 65, "%0A"])
async def test_a_name_is_that_of_a_variable(gateway: GatewayUnderTest, name: str) -> None:
    assert (await gateway.call("PUT", f"/secrets/{name}", json={"value": VALUE}))[0] in (404, 422)


async def test_no_account_has_anothers_secrets(gateway: GatewayUnderTest) -> None:
    done = await set_secret(gateway)
    stranger, _ = await gateway.new_key("other")
    _, listed = await gateway.call("GET", f"/secrets?min_seq={done['sequence']}", key=stranger)
    assert listed["items"] == []
    assert (await gateway.call("DELETE", "/secrets/TOKEN", key=stranger))[0] == 404
    assert (await set_secret(gateway, value="theirs", key=stranger))["version"] == 1
    assert await opened(gateway) == VALUE.encode()
    kept = (await SecretStore(gateway.bus).read(ACCOUNT, ["TOKEN"]))["TOKEN"]
    with pytest.raises(Exception, match="damaged"):
        Sealer(gateway.settings).open("other", "TOKEN", kept.sealed)


async def test_values_set_at_the_same_time_are_versions_one_after_the_other(gateway: GatewayUnderTest) -> None:
    done = await asyncio.gather(*(set_secret(gateway, value=f"value-{number}") for number in range(5)))
    by_version = {each["version"]: number for number, each in enumerate(done)}
    assert sorted(by_version) == [1, 2, 3, 4, 5]
    assert await opened(gateway) == f"value-{by_version[5]}".encode()
    state, _ = await gateway.handler.state(Ref(ACCOUNT, "account", ACCOUNT))
    assert state.secrets == {"TOKEN": 5}


async def test_a_run_names_secrets_and_the_log_has_their_versions(gateway: GatewayUnderTest) -> None:
    await set_secret(gateway, value="old value")
    await set_secret(gateway)
    execution = await gateway.submit(secrets=[{"name": "TOKEN"}])
    state, _ = await gateway.handler.state(Ref(ACCOUNT, "execution", execution))
    assert [(each.name, each.form, each.version) for each in state.job.secrets] == [("TOKEN", "env", 2)]
    _, shown = await gateway.call("GET", f"/executions/{execution}")
    assert shown["secrets"] == [{"name": "TOKEN", "form": "env"}]


async def test_a_run_with_an_unknown_secret_is_refused_by_name(gateway: GatewayUnderTest) -> None:
    status, body = await gateway.call("POST", "/executions", json=submit_body(secrets=[{"name": "NOPE"}]))
    assert (status, body["error"]["code"]) == (422, "SECRET_UNKNOWN")
    assert body["error"]["message"] == "There is no secret NOPE. Set it: rgrid secret set NOPE"
    listing = b'{"name":"a","args":[],"inputs":[]}\n'
    sha = await gateway.store(listing)
    members = {"sha256": sha, "size_bytes": len(listing), "count": 1}
    batch = submit_body(secrets=[{"name": "NOPE"}], members=members)
    status, body = await gateway.call("POST", "/batches", json=batch)
    assert (status, body["error"]["code"]) == (422, "SECRET_UNKNOWN")
    await set_secret(gateway, "NOPE")
    status, body = await gateway.call("POST", "/batches", json=batch)
    assert status == 201, body
    state, _ = await gateway.handler.state(Ref(ACCOUNT, "batch", body["id"]))
    assert [(each.name, each.version) for each in state.job.secrets] == [("NOPE", 1)]


async def test_a_name_stands_for_one_thing(gateway: GatewayUnderTest) -> None:
    for more in ({"env": {"TOKEN": "x"}}, {"secrets": [{"name": "TOKEN"}, {"name": "TOKEN", "form": "file"}]}):
        status, body = await gateway.call(
            "POST", "/executions", json=submit_body(**{"secrets": [{"name": "TOKEN"}], **more})
        )
        assert status == 422 and "TOKEN is named twice" in body["error"]["message"]


async def test_a_repeated_submit_is_answered_though_its_secret_is_gone(gateway: GatewayUnderTest) -> None:
    await set_secret(gateway)
    headers, body = {"Idempotency-Key": "again"}, submit_body(secrets=[{"name": "TOKEN"}])
    _, first = await gateway.call("POST", "/executions", json=body, headers=headers)
    await set_secret(gateway, value="another")
    await gateway.call("DELETE", "/secrets/TOKEN")
    status, second = await gateway.call("POST", "/executions", json=body, headers=headers)
    assert (status, second["id"]) == (200, first["id"])


def test_a_request_of_a_time_before_there_were_secrets_keeps_its_fingerprint() -> None:
    """As it was sent and stored then: with none of the fields that came later."""
    plain = SubmitBody.model_validate(submit_body()).model_dump(mode="json")
    early = {name: value for name, value in plain.items() if name not in LATER}
    known = hashlib.sha256(orjson.dumps(early, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert fingerprint(SubmitBody.model_validate(submit_body())) == known
    for more in ({"secrets": [{"name": "A"}]}, {"cold": True}, {"interpreter": "3.12"}):
        assert fingerprint(SubmitBody.model_validate(submit_body(**more))) != known


async def test_a_grid_without_a_key_keeps_no_secrets_and_says_so(gateway: GatewayUnderTest) -> None:
    bare = replace(gateway.settings, secrets_key="")
    vault = Vault(SecretStore(gateway.bus), Sealer(bare), gateway.handler)
    with pytest.raises(WrongState) as refused:
        await vault.set(ACCOUNT, "TOKEN", b"value", "test")
    assert refused.value.code == "SECRETS_OFF"


async def test_after_a_change_of_keys_old_values_open_and_the_same_value_is_sealed_anew(
    gateway: GatewayUnderTest,
) -> None:
    await set_secret(gateway)
    old = gateway.settings.secrets_key
    turned = Sealer(replace(gateway.settings, secrets_key="ef" * 32, secrets_keys_old=(old,)))
    store = SecretStore(gateway.bus)
    kept = (await store.read(ACCOUNT, ["TOKEN"]))["TOKEN"]
    assert turned.open(ACCOUNT, "TOKEN", kept.sealed) == VALUE.encode()
    version, _ = await Vault(store, turned, gateway.handler).set(ACCOUNT, "TOKEN", VALUE.encode(), "test")
    assert version == 2
    kept = (await store.read(ACCOUNT, ["TOKEN"]))["TOKEN"]
    with pytest.raises(Unreadable, match="another key"):
        Sealer(gateway.settings).open(ACCOUNT, "TOKEN", kept.sealed)


async def test_a_value_whose_key_is_lost_is_replaced(gateway: GatewayUnderTest) -> None:
    await set_secret(gateway)
    lost = Vault(SecretStore(gateway.bus), Sealer(replace(gateway.settings, secrets_key="ef" * 32)), gateway.handler)
    assert (await lost.set(ACCOUNT, "TOKEN", b"new value", "test"))[0] == 2
    await gateway.bus.publish("rgrid.secret.local.TOKEN", b"not json")
    assert (await lost.set(ACCOUNT, "TOKEN", b"newer value", "test"))[0] == 3


async def test_a_set_that_was_cut_off_between_its_halves_is_healed_by_the_next(gateway: GatewayUnderTest) -> None:
    """Stored but not told: nobody can name it yet, and the same value again tells it."""
    sealed = Sealer(gateway.settings).seal(ACCOUNT, "TOKEN", 1, VALUE.encode())
    await SecretStore(gateway.bus).write(ACCOUNT, "TOKEN", sealed, 0)
    status, _ = await gateway.call("POST", "/executions", json=submit_body(secrets=[{"name": "TOKEN"}]))
    assert status == 422
    done = await set_secret(gateway)
    assert (done["version"], done["changed"]) == (1, True)


async def test_a_removal_that_was_cut_off_leaves_no_name_without_a_value(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told, but the value is still stored: the next set of the same value counts, and so does the next removal."""

    async def cut(*_: Any) -> None:
        raise Unavailable("NATS is away.")

    for healed in ("PUT", "DELETE"):
        await set_secret(gateway)
        with monkeypatch.context() as patched:
            patched.setattr(SecretStore, "remove", cut)
            assert (await gateway.call("DELETE", "/secrets/TOKEN"))[0] == 503
        state, _ = await gateway.handler.state(Ref(ACCOUNT, "account", ACCOUNT))
        assert state.secrets == {}
        if healed == "PUT":
            assert (await set_secret(gateway))["version"] == 2
            assert (await gateway.handler.state(Ref(ACCOUNT, "account", ACCOUNT)))[0].secrets == {"TOKEN": 2}
        else:
            assert (await gateway.call("DELETE", "/secrets/TOKEN"))[0] == 200
            assert await SecretStore(gateway.bus).read(ACCOUNT, ["TOKEN"]) == {}


async def test_there_is_an_end_to_secrets_before_a_value_is_stored(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decider, "SECRETS_MAX", 1)
    await set_secret(gateway)
    status, body = await gateway.call("PUT", "/secrets/ANOTHER", json={"value": VALUE})
    assert (status, body["error"]["code"]) == (409, "WRONG_STATE")
    assert await SecretStore(gateway.bus).read(ACCOUNT, ["ANOTHER"]) == {}
