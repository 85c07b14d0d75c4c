"""What every ArtifactStore keeps to. A new one joins by an entry in STORES."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from domain.errors import Invalid, NotFound
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef
from tests.services.artifacts.client import ACCOUNT, SCOPE, Client, sha

DATA = b"some content " * 100_000
STORES: dict[str, Callable[[Client], ArtifactStore]] = {"local": lambda client: client.store}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, client: Client) -> ArtifactStore:
    return STORES[request.param](client)


def put(client: Client, store: ArtifactStore, data: bytes, account: str = ACCOUNT) -> int:
    return client.ask("PUT", store.upload_url(account, sha(data), len(data), SCOPE), data).status


async def content(store: ArtifactStore, data: bytes) -> bytes:
    return b"".join([piece async for piece in store.open(ACCOUNT, sha(data))])


@pytest.mark.parametrize("data", [DATA, b""], ids=["some", "empty"])
async def test_what_is_put_can_be_had(client: Client, store: ArtifactStore, data: bytes) -> None:
    assert put(client, store, data) in (200, 201)
    assert await content(store, data) == data
    assert await store.size(ACCOUNT, sha(data)) == len(data)
    assert client.ask("GET", store.download_url(ACCOUNT, sha(data), SCOPE)).body == data


async def test_what_is_missing_is_named_once_and_in_order(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    wanted = [BlobRef(sha(data), len(data)) for data in (b"b", DATA, b"a", b"b")]
    assert await store.missing(ACCOUNT, wanted) == [wanted[0], wanted[2]]
    assert await store.missing(ACCOUNT, []) == []


async def test_accounts_share_nothing(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA, "other")
    assert await store.missing(ACCOUNT, [BlobRef(sha(DATA), len(DATA))])
    with pytest.raises(NotFound):
        await store.size(ACCOUNT, sha(DATA))


async def test_what_is_not_there_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(NotFound):
        await content(store, b"never stored")
    with pytest.raises(NotFound):
        await store.size(ACCOUNT, sha(b"never stored"))


async def test_what_is_deleted_is_gone(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    await store.delete(ACCOUNT, sha(DATA))
    await store.delete(ACCOUNT, sha(DATA))
    with pytest.raises(NotFound):
        await store.size(ACCOUNT, sha(DATA))


@pytest.mark.parametrize("account", ["", "..", "a/b", "a.b", "a\n", "x" * 65])
async def test_odd_names_are_refused(store: ArtifactStore, account: str) -> None:
    with pytest.raises(Invalid):
        await store.size(account, sha(DATA))
    with pytest.raises(Invalid):
        store.download_url(account, sha(DATA), SCOPE)
    with pytest.raises(Invalid):
        await store.missing(ACCOUNT, [BlobRef(account, 1)])


async def test_only_what_nobody_asked_for_is_stale(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    assert [found async for found in store.stale(3600)] == []
    assert await store.remove_stale(ACCOUNT, sha(DATA), 3600) is None
    assert await content(store, DATA) == DATA
    assert await store.remove_stale(ACCOUNT, sha(b"never stored"), 0) is None


async def test_what_is_stale_can_be_removed(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    await asyncio.sleep(0.01)
    assert [found async for found in store.stale(0)] == [(ACCOUNT, [sha(DATA)])]
    assert await store.remove_stale(ACCOUNT, sha(DATA), 0) is not None
    assert await store.missing(ACCOUNT, [BlobRef(sha(DATA), len(DATA))])
    assert await store.remove_stale(ACCOUNT, sha(DATA), 0) is None
