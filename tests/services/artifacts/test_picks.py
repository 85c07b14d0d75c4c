"""Many small blobs in one answer: those of the signed list, verified, the others named as lacking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.artifacts.bundling import BLOB_BYTES_MAX, BYTES_MAX, HEAD, head
from services.artifacts.picks import LACKING, digest_of, list_of
from tests.fixtures.needs import requires
from tests.services.artifacts.client import ACCOUNT, SCOPE, Answer, Client, sha
from tests.services.artifacts.conftest import Address

MANY = [b"%d\n" % number * number for number in range(200)]
HASHES = [sha(blob) for blob in MANY]


@pytest.fixture(params=["local", pytest.param("s3", marks=requires("s3"))])
def client(request: pytest.FixtureRequest, address: Address) -> Iterator[Client]:
    if request.param == "local":
        found = address.client(request.getfixturevalue("tmp_path") / "artifacts")
    else:
        found = address.s3_client(request.getfixturevalue("s3_server"))
    body = b"".join(head(sha(blob), len(blob)) + blob for blob in MANY)
    assert found.ask("POST", found.store.bundle_url(ACCOUNT, BYTES_MAX, SCOPE), body).status == 200
    yield found
    found.store.close()


def pick(client: Client, hashes: list[str], body: bytes | None = None) -> Answer:
    url = client.store.pick_url(ACCOUNT, digest_of(hashes), SCOPE)
    return client.ask("POST", url, list_of(hashes) if body is None else body)


def read(body: bytes) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    while body:
        digest, length = HEAD.unpack_from(body)
        body = body[HEAD.size :]
        found[digest.hex()] = None if length == LACKING else body[:length]
        body = body if length == LACKING else body[length:]
    return found


def test_all_of_them_come_in_their_order(client: Client) -> None:
    answer = pick(client, HASHES)
    assert answer.status == 200
    assert list(read(answer.body).items()) == list(zip(HASHES, MANY, strict=True))


def test_what_lacks_or_is_large_is_named(client: Client) -> None:
    large = bytes(BLOB_BYTES_MAX + 1)
    client.put(large)
    found = read(pick(client, [sha(b"never stored"), HASHES[3], sha(large)]).body)
    assert found == {sha(b"never stored"): None, HASHES[3]: MANY[3], sha(large): None}


def test_another_list_than_was_signed_is_refused(client: Client) -> None:
    answer = pick(client, HASHES[:3], list_of(HASHES[:4]))
    assert (answer.status, answer.error["code"]) == (403, "SIGNATURE_INVALID")


@pytest.mark.parametrize("body", [b"", b"../../etc/passwd", b"\xff" * 64])
def test_what_is_no_list_of_hashes_is_refused(client: Client, body: bytes) -> None:
    url = client.store.pick_url(ACCOUNT, sha(body), SCOPE)
    assert client.ask("POST", url, body).status == 422
    assert client.ask("POST", url, bytes(100_000)).status == 413


def test_another_account_has_none_of_it(client: Client) -> None:
    url = client.store.pick_url("other", digest_of(HASHES), SCOPE)
    assert set(read(client.ask("POST", url, list_of(HASHES)).body).values()) == {None}
