"""Many small blobs in one request: each is verified, all are stored or none."""

from __future__ import annotations

import random

import pytest

from services.artifacts.bundling import BLOB_BYTES_MAX, BLOBS_MAX, BLOBS_MIN, BYTES_MAX, bundles_of, head, worthwhile
from services.artifacts.local import LocalStore
from services.runtime.messages import BlobRef
from tests.services.artifacts.client import ACCOUNT, SCOPE, Answer, Client, sha

MANY = [f"file {number}\n".encode() * (number % 40) for number in range(1000)]


def bundle(blobs: list[bytes]) -> bytes:
    return b"".join(head(sha(blob), len(blob)) + blob for blob in blobs)


def post(client: Client, body: bytes, size_bytes: int = BYTES_MAX) -> Answer:
    return client.ask("POST", client.store.bundle_url(ACCOUNT, size_bytes, SCOPE), body)


def test_a_thousand_blobs_come_at_once(client: Client) -> None:
    assert post(client, bundle(MANY)).status == 200
    assert len(client.files()) == len(set(MANY))
    for blob in random.sample(MANY, 20):
        assert client.get(blob).body == blob


def test_what_is_stored_stays_as_it_is(client: Client) -> None:
    client.put(MANY[7])
    before = client.files()
    assert post(client, bundle([MANY[7], MANY[7]])).status == 200
    assert client.files() == before


def test_one_wrong_blob_refuses_all(client: Client) -> None:
    body = bundle(MANY[:10]) + head(sha(b"announced"), 4) + b"came" + bundle(MANY[10:])
    answer = post(client, body)
    assert (answer.status, answer.error["code"]) == (422, "HASH_MISMATCH")
    assert answer.error["details"]["expected"] == sha(b"announced")
    assert client.files() == []


@pytest.mark.parametrize("cut", [1, 39, 41])
def test_a_bundle_that_is_cut_off_is_refused(client: Client, cut: int) -> None:
    answer = post(client, bundle([b"one", b"two" * 50])[:-cut])
    assert (answer.status, answer.error["code"], client.files()) == (422, "SIZE_MISMATCH", [])


def test_a_connection_that_breaks_leaves_nothing(client: Client) -> None:
    body = bundle([bytes(100_000), bytes(200_000)])
    url = client.store.bundle_url(ACCOUNT, BYTES_MAX, SCOPE)
    client.cut_off("POST", url, len(body), body[:-1])
    assert post(client, bundle([b"after it"])).status == 200
    assert [name for name in client.files() if "parts" not in name] == [
        f"{ACCOUNT}/{sha(b'after it')[:2]}/{sha(b'after it')}"
    ]


def test_a_bundle_has_bounds(client: Client) -> None:
    large = bytes(BLOB_BYTES_MAX + 1)
    assert post(client, bundle([large])).error["code"] == "BLOB_TOO_LARGE"
    assert post(client, bundle([bytes(1000)]), size_bytes=500).error["code"] == "BLOB_TOO_LARGE"
    assert client.files() == []


def test_a_bundle_has_so_many_blobs_and_no_more(client: Client) -> None:
    """Two bytes each, they would be tens of thousands of files in one request."""
    many = [b"%d" % number for number in range(BLOBS_MAX + 1)]
    answer = post(client, bundle(many))
    assert (answer.status, answer.error["code"], client.files()) == (422, "TOO_MANY", [])
    assert post(client, bundle(many[:-1])).status == 200
    assert len(client.files()) == BLOBS_MAX


def test_its_url_serves_for_bundles_only(client: Client) -> None:
    url = client.store.bundle_url(ACCOUNT, BYTES_MAX, SCOPE)
    assert client.ask("PUT", url, b"x").error["code"] == "WRONG_OPERATION"
    assert client.ask("POST", client.put_url(b"x"), bundle([b"x"])).error["code"] == "WRONG_OPERATION"
    other = url.replace(f"/{ACCOUNT}/", "/other/")
    assert client.ask("POST", other, bundle([b"x"])).error["code"] == "SIGNATURE_INVALID"
    assert (
        client.ask("POST", url.replace(f"size={BYTES_MAX}", "size=99999999"), b"").error["code"] == "SIGNATURE_INVALID"
    )


def test_another_store_on_the_folder_sees_them(client: Client) -> None:
    post(client, bundle([b"a", b"b", b"c"]))
    again = LocalStore(client.store.folder, client.store.signer)
    assert all(again.find(ACCOUNT, sha(blob)) for blob in (b"a", b"b", b"c"))
    again.close()


def test_few_or_large_ones_go_alone() -> None:
    small = [BlobRef(sha(blob), len(blob)) for blob in (b"1", b"2", b"3")]
    assert list(worthwhile([*small, BlobRef(sha(b"4"), BLOB_BYTES_MAX + 1)]).values()) == small
    assert worthwhile(small[: BLOBS_MIN - 1]) == {}


def test_bundles_keep_to_their_size() -> None:
    blobs = [BlobRef(sha(str(number).encode()), BLOB_BYTES_MAX) for number in range(100)]
    cut = list(bundles_of(blobs))
    assert [blob for each in cut for blob in each] == blobs
    assert all(sum(40 + blob.size_bytes for blob in each) <= BYTES_MAX for each in cut)
    assert list(bundles_of([])) == []


def test_bundles_keep_to_their_number() -> None:
    blobs = [BlobRef(sha(str(number).encode()), 2) for number in range(2 * BLOBS_MAX + 1)]
    assert [len(each) for each in bundles_of(blobs)] == [BLOBS_MAX, BLOBS_MAX, 1]
