"""The keeper: values of the secrets of an attempt, to the node that holds it, and to nobody else."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.account import events as a
from domain.errors import Unavailable
from domain.execution import events as e
from domain.execution.job import Job, SecretRef
from domain.files import FileRef
from services.keeper import SERVICE, Keeper
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.log import Ref
from services.runtime.messages import SECRETS_MAX, SecretsGiven, SecretsWanted
from services.runtime.nodes import answer_secrets
from services.runtime.plain import from_json, to_json
from services.runtime.sealing import Sealed, Sealer
from services.runtime.secret_store import NOTHING, Kept
from services.runtime.settings import Settings
from tests.fixtures.nats import NatsServer
from tests.services.shell import NOW, Bench

RUN, ACCOUNT = Ref("a", "execution", "exec_x"), Ref("a", "account", "a")
HIT = e.Lookup("hit", "known")
SEALER = Sealer(Settings(secrets_key="ab" * 32))


class Store:
    """A store with these sealed values."""

    def __init__(self, **sealed: Sealed) -> None:
        self.sealed = sealed

    async def read(self, account: str, names: Sequence[str]) -> dict[str, Kept]:
        return {name: Kept(self.sealed[name], 7) for name in names if name in self.sealed}


def sealed(version: int = 1, name: str = "TOKEN", account: str = "a", value: bytes = b"the value") -> Sealed:
    return SEALER.seal(account, name, version, value)


async def answer(
    store: Store, *names: str, node: str = "n1", attempt: int = 1, known: int = 1, sealer: Sealer = SEALER
) -> SecretsGiven:
    """What the keeper says about a job with TOKEN at version 1 and OTHER, of an account that has TOKEN at version `known`."""
    secrets = (SecretRef("TOKEN", "env", 1), SecretRef("OTHER", "file", 1))
    bench = Bench(SERVICE)
    told = [a.AccountSecretSet(name, version) for name, version in (("TOKEN", known), ("OTHER", 1)) if version]
    await bench.given(ACCOUNT, a.AccountOpened("a"), *told)
    await bench.given(
        RUN,
        e.ExecutionSubmitted(Job("python", FileRef("a.py", "1" * 64, 1), secrets=secrets), "f"),
        e.ExecutionCached(HIT, HIT, HIT),
        e.ExecutionAssigned(1, "n1", "i1", "local", NOW),
    )
    keeper = Keeper(bench.context(), store, sealer)  # type: ignore[arg-type]
    return await keeper.answer(node, SecretsWanted("a", "exec_x", attempt, names))


async def test_the_holder_gets_the_secrets_of_its_job() -> None:
    given = await answer(Store(TOKEN=sealed(), OTHER=sealed(1, "OTHER")), "TOKEN", "OTHER")
    assert given.values == dict.fromkeys(("TOKEN", "OTHER"), base64.b64encode(b"the value").decode())
    assert "value" not in repr(given), "nothing that is logged shows it"


async def test_it_is_the_value_of_today() -> None:
    assert (await answer(Store(TOKEN=sealed(5)), "TOKEN", known=5)).error == ""


@pytest.mark.parametrize(("node", "attempt"), [("n2", 1), ("n1", 2), ("n1", 0)])
async def test_nobody_else_gets_them(node: str, attempt: int) -> None:
    given = await answer(Store(TOKEN=sealed()), "TOKEN", node=node, attempt=attempt)
    assert (given.values, given.error) == ({}, "STALE_LEASE")


async def test_a_secret_that_the_job_does_not_name_is_not_given() -> None:
    given = await answer(Store(TOKEN=sealed(), MORE=sealed(1, "MORE")), "TOKEN", "MORE")
    assert (given.values, given.error) == ({}, "NOT_YOURS")


async def test_a_request_for_too_many_is_refused() -> None:
    assert (await answer(Store(), *("TOKEN",) * (SECRETS_MAX + 1))).error == "TOO_MANY"


async def test_a_removed_one_is_said_to_be_gone_and_one_on_its_way_is_asked_for_again() -> None:
    assert (await answer(Store(), "TOKEN", known=0)).error == "SECRET_UNKNOWN"
    assert (await answer(Store(TOKEN=sealed()), "TOKEN", known=0)).error == "SECRET_UNKNOWN", "its value is still there"
    assert (await answer(Store(), "TOKEN")).error == "UNAVAILABLE"
    assert (await answer(Store(TOKEN=sealed(0)), "TOKEN")).error == "UNAVAILABLE"


@pytest.mark.parametrize(
    "stored",
    [
        sealed(1, "OTHER"),
        sealed(1, account="b"),
        replace(sealed(1), version=2),
        replace(sealed(1), data="AAAA"),
        replace(sealed(1), data="?"),
        replace(sealed(1), key="00000000"),
        replace(NOTHING, version=1),
    ],
)
async def test_what_was_put_in_its_place_does_not_open(stored: Sealed) -> None:
    given = await answer(Store(TOKEN=stored), "TOKEN")
    assert (given.values, given.error, given.name) == ({}, "SECRET_UNREADABLE", "TOKEN")


async def test_a_node_asks_in_its_own_name_only_and_cannot_reach_what_is_stored(
    bus: Bus, nats_server: NatsServer
) -> None:
    seen: list[str] = []

    async def give(node_id: str, wanted: SecretsWanted) -> SecretsGiven:
        seen.append(node_id)
        return SecretsGiven({"TOKEN": "dmFsdWU="})

    answering = asyncio.create_task(answer_secrets(bus, give))
    await bus.publish(subjects.secret("a", "TOKEN"), b"sealed")
    node = await nats_server.connect_node("local-1")
    wanted = to_json(SecretsWanted("a", "exec_x", 1, ("TOKEN",)))
    async with asyncio.timeout(20):
        while True:
            try:
                data = await node.request(subjects.ask_secrets("local-1", "exec_x"), wanted, 1)
                break
            except Unavailable:
                continue
    assert from_json(SecretsGiven, data).values == {"TOKEN": "dmFsdWU="}
    for subject in (
        subjects.ask_secrets("local-2", "exec_x"),
        subjects.secret("a", "TOKEN"),
        f"$JS.API.DIRECT.GET.SECRETS.{subjects.secret('a', 'TOKEN')}",
        "$JS.API.STREAM.MSG.GET.SECRETS",
        "$JS.API.STREAM.PURGE.SECRETS",
        "$JS.API.CONSUMER.CREATE.SECRETS",
    ):
        with pytest.raises(Unavailable):
            await node.request(subject, b"{}", 0.3)
    assert set(seen) == {"local-1"}
    assert (await bus.api("STREAM.INFO.SECRETS"))["state"]["messages"] == 1
    answering.cancel()
    await node.close()
