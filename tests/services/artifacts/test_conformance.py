"""What every ArtifactStore keeps to: the folder, and S3 as a real server does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from domain.errors import Invalid, NotFound
from services.artifacts.bundling import BYTES_MAX, head
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef
from tests.fixtures.needs import requires
from tests.services.artifacts.client import ACCOUNT, SCOPE, Client, sha
from tests.services.artifacts.conftest import Address

DATA = b"some content " * 100_000


@pytest.fixture(params=["local", pytest.param("s3", marks=requires("s3"))])
def client(request: pytest.FixtureRequest, address: Address) -> Iterator[Client]:
    """A client of the blob door of either store."""
    if request.param == "local":
        found = address.client(request.getfixturevalue("tmp_path") / "artifacts")
    else:
        found = address.s3_client(request.getfixturevalue("s3_server"))
    yield found
    found.store.close()


@pytest.fixture
def store(client: Client) -> ArtifactStore:
    return client.store


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


async def test_bundles_bring_many(client: Client, store: ArtifactStore) -> None:
    many = [b"%d" % number * number for number in range(300)]
    body = b"".join(head(sha(data), len(data)) + data for data in many)
    assert client.ask("POST", store.bundle_url(ACCOUNT, BYTES_MAX, SCOPE), body).status == 200
    assert await store.missing(ACCOUNT, [BlobRef(sha(data), len(data)) for data in many]) == []
    assert await content(store, many[299]) == many[299]


async def test_a_wrong_blob_in_a_bundle_stores_none(client: Client, store: ArtifactStore) -> None:
    body = head(sha(b"good"), 4) + b"good" + head(sha(b"announced"), 4) + b"came"
    answer = client.ask("POST", store.bundle_url(ACCOUNT, BYTES_MAX, SCOPE), body)
    assert (answer.status, answer.error["code"]) == (422, "HASH_MISMATCH")
    assert len(await store.missing(ACCOUNT, [BlobRef(sha(b"good"), 4)])) == 1


async def test_other_content_than_announced_is_not_stored(client: Client, store: ArtifactStore) -> None:
    answer = client.ask("PUT", store.upload_url(ACCOUNT, sha(DATA), len(DATA), SCOPE), DATA[:-1] + b"x")
    assert (answer.status, answer.error["code"]) == (422, "HASH_MISMATCH")
    answer = client.ask("PUT", store.upload_url(ACCOUNT, sha(DATA), len(DATA), SCOPE), DATA[:-1])
    assert (answer.status, answer.error["code"]) == (422, "SIZE_MISMATCH")
    assert await store.missing(ACCOUNT, [BlobRef(sha(DATA), len(DATA))])


async def test_a_size_that_is_not_so_is_named(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    right, wrong = BlobRef(sha(DATA), len(DATA)), BlobRef(sha(DATA), 1)
    assert await store.of_other_size(ACCOUNT, [right, wrong, BlobRef(sha(b"none"), 9)]) == [wrong]


async def test_a_range_comes_alone(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    answer = client.ask("GET", store.download_url(ACCOUNT, sha(DATA), SCOPE), range="bytes=100-199")
    assert (answer.status, answer.body) == (206, DATA[100:200])


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


async def test_an_altered_download_url_opens_nothing(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    put(client, store, b"other")
    url = store.download_url(ACCOUNT, sha(DATA), SCOPE)
    other = url.replace(f"{sha(DATA)[:2]}/{sha(DATA)}", f"{sha(b'other')[:2]}/{sha(b'other')}").replace(
        sha(DATA), sha(b"other")
    )
    assert client.ask("GET", other).status == 403


async def test_nothing_is_swept_that_is_a_blob(client: Client, store: ArtifactStore) -> None:
    put(client, store, DATA)
    assert await store.sweep_parts() == 0
    assert await content(store, DATA) == DATA
