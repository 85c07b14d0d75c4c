"""Lists of many files: parsed beside the event loop, kept a while, and one bound for all who speak of them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import orjson
import pytest

import cli.job.inputs
from domain.files import FILES_MAX
from gateway import manifests
from gateway.manifests import Manifests
from tests.gateway.conftest import GatewayUnderTest


class CountingStore:
    """Gives a list of `count` files, and counts how often it was asked."""

    def __init__(self, count: int) -> None:
        self.asked = 0
        self.content = orjson.dumps([{"path": f"f{n}"} for n in range(count)])

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        self.asked += 1
        yield self.content


async def test_a_manifest_is_read_once_for_all_its_pages_and_dropped_when_others_need_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = CountingStore(10)
    monkeypatch.setattr(manifests, "KEPT_BYTES_MAX", 2 * len(store.content))
    kept = Manifests(store)  # type: ignore[arg-type]
    for _ in range(3):
        assert len(await kept.entries("a", "1")) == 10
    assert store.asked == 1
    await kept.entries("b", "1")
    assert store.asked == 2, "another account's is another"
    await kept.entries("a", "2")
    await kept.entries("a", "1")
    assert store.asked == 4


async def test_the_bound_is_one_and_is_announced(gateway: GatewayUnderTest) -> None:
    assert cli.job.inputs.FILES_MAX == FILES_MAX
    _, grid = await gateway.call("GET", "/grid")
    assert grid["limits"]["files_max"] == FILES_MAX


async def test_a_stored_manifest_is_read(gateway: GatewayUnderTest) -> None:
    sha = await gateway.store(b"x")
    entries = [{"path": f"{n:04}", "sha256": sha, "size_bytes": 1, "mode": 420} for n in range(1200)]
    manifest = await gateway.store(orjson.dumps(entries))
    assert manifest == hashlib.sha256(orjson.dumps(entries)).hexdigest()
    found = [each["path"] for each in await gateway.parts.manifests.entries("local", manifest)]
    assert found == [each["path"] for each in entries]
