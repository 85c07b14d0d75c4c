"""A blob in S3 that nobody asked for in a while: to ask for it renews it, or says that it is missing, or fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.errors import Unavailable
from services.artifacts import s3_objects
from services.runtime.messages import BlobRef
from tests.faults.s3_relay import Relay, relaying
from tests.fixtures.needs import requires
from tests.fixtures.s3 import S3Server
from tests.services.artifacts.client import ACCOUNT, Client, sha
from tests.services.artifacts.conftest import Address

pytestmark = requires("s3")
DATA = b"some content " * 1000
BLOB = BlobRef(sha(DATA), len(DATA))


@pytest.fixture
def relay(s3_server: S3Server) -> Iterator[Relay]:
    with relaying(s3_server.port) as found:
        yield found


@pytest.fixture
def client(address: Address, s3_server: S3Server, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Of a store that reaches S3 through the relay, remembers nothing, and takes any blob for one that was not asked for."""
    monkeypatch.setattr(s3_objects, "RENEWED_SECONDS", -3600.0)
    monkeypatch.setattr(s3_objects, "KNOWN_SECONDS", -1.0)
    found = address.s3_client(s3_server, endpoint=relay.endpoint)
    assert found.put(DATA).status == 201
    yield found
    found.store.close()


def copies(relay: Relay) -> list[str]:
    """What became of the requests that wrote the blob: the first brought it."""
    return [kind for method, path, kind in relay.seen if method == "PUT" and BLOB.sha256 in path][1:]


async def test_to_ask_whether_it_is_missing_renews_it(client: Client, relay: Relay) -> None:
    assert await client.store.missing(ACCOUNT, [BLOB]) == []
    assert copies(relay) == [""]
    assert client.get(DATA).body == DATA


async def test_one_that_went_before_it_was_renewed_is_missing(client: Client, relay: Relay) -> None:
    """It was there when it was looked at, and its copy onto itself finds nothing any more."""
    with relay.first(1, "404", "PUT", BLOB.sha256):
        assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]
    assert copies(relay) == ["404"]
    assert await client.store.missing(ACCOUNT, [BLOB]) == []


@pytest.mark.parametrize("kind", ["429", "503", "gone"])
async def test_one_that_could_not_be_renewed_is_not_called_stored(client: Client, relay: Relay, kind: str) -> None:
    """It stays old, so it may be removed any moment."""
    with relay.first(100, kind, "PUT", BLOB.sha256):
        with pytest.raises(Unavailable):
            await client.store.missing(ACCOUNT, [BLOB])
        with pytest.raises(Unavailable):
            await client.store.missing(ACCOUNT, [BLOB])
    assert await client.store.missing(ACCOUNT, [BLOB]) == []
