"""Large blobs straight to a real S3 server: resumed, and stored only when what was read back is what was announced."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.artifacts import s3_parts, s3_uploads
from services.artifacts.s3_parts import MIB, PART_BYTES_MIN, PARTS_MAX, part_bytes
from services.artifacts.signing import Grant
from services.artifacts.store import DAMAGED_SECONDS, BlobDamaged
from services.runtime.messages import BlobRef, PartsGiven
from tests.fixtures.needs import requires
from tests.fixtures.s3 import S3Server
from tests.services.artifacts.client import ACCOUNT, SCOPE, Answer, Client, sha
from tests.services.artifacts.conftest import Address

pytestmark = requires("s3")
DATA = os.urandom(2 * PART_BYTES_MIN + 77)
BLOB = BlobRef(sha(DATA), len(DATA))


@pytest.fixture
def client(address: Address, s3_server: S3Server) -> Iterator[Client]:
    found = address.s3_client(s3_server)
    yield found
    found.store.close()


async def offered(client: Client, blob: BlobRef = BLOB) -> PartsGiven:
    return (await client.store.parts(ACCOUNT, [blob], SCOPE))[blob.sha256]


def put(client: Client, given: PartsGiven, number: int, data: bytes = DATA) -> int:
    start = (number - 1) * given.part_bytes
    return client.ask("PUT", given.urls[str(number)], data[start : start + given.part_bytes]).status


def finish(client: Client, given: PartsGiven) -> Answer:
    """Ask until it is no longer being verified."""
    for _ in range(100):
        if (answer := client.ask("POST", given.finish)).status != 202:
            return answer
    raise AssertionError("it is never done")


async def keys(client: Client) -> list[str]:
    objects = client.store.objects
    return [each.object_name for each in objects.client.list_objects(objects.place.bucket, recursive=True)]


async def test_parts_make_a_blob(client: Client) -> None:
    given = await offered(client)
    assert (sorted(given.urls), given.stored_bytes) == (["1", "2", "3"], 0)
    assert [put(client, given, number) for number in (3, 1, 2)] == [200] * 3
    assert finish(client, given).headers["blob-complete"] == "1"
    assert client.ask("GET", client.store.download_url(ACCOUNT, BLOB.sha256, SCOPE)).body == DATA
    assert await keys(client) == [f"p/{ACCOUNT}/{BLOB.sha256[:2]}/{BLOB.sha256}"]
    assert finish(client, given).status == 200


async def test_an_upload_goes_on_with_what_is_there(client: Client) -> None:
    put(client, await offered(client), 2)
    again = await offered(client)
    assert (sorted(again.urls), again.stored_bytes) == (["1", "3"], PART_BYTES_MIN)
    put(client, again, 1)
    put(client, again, 3)
    last = await offered(client)
    assert (last.urls, last.stored_bytes) == ({}, len(DATA))
    assert finish(client, last).status == 200


async def test_what_is_not_all_there_is_not_finished(client: Client) -> None:
    given = await offered(client)
    put(client, given, 1)
    answer = finish(client, given)
    assert (answer.status, answer.error["code"], answer.error["details"]["parts"]) == (409, "PARTS_MISSING", [2, 3])
    assert client.ask("PUT", given.urls["2"], b"half a part").status == 200
    assert finish(client, given).error["details"]["parts"] == [2, 3]


async def test_other_content_than_announced_is_thrown_away(client: Client) -> None:
    given = await offered(client)
    for number in (1, 2, 3):
        put(client, given, number, b"x" + DATA[1:])
    answer = finish(client, given)
    assert (answer.status, answer.error["code"]) == (422, "HASH_MISMATCH")
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]
    assert await keys(client) == []
    assert sorted((await offered(client)).urls) == ["1", "2", "3"]


async def test_after_the_end_no_url_changes_anything(client: Client) -> None:
    given = await offered(client)
    for number in (1, 2, 3):
        put(client, given, number)
    assert finish(client, given).status == 200
    assert client.ask("PUT", given.urls["1"], bytes(PART_BYTES_MIN)).status in (403, 404)
    assert client.ask("GET", client.store.download_url(ACCOUNT, BLOB.sha256, SCOPE)).body == DATA


async def test_a_gateway_that_died_before_the_verification_is_no_loss(client: Client) -> None:
    given = await offered(client)
    for number in (1, 2, 3):
        put(client, given, number)
    multipart = client.store.multipart
    grant = Grant("finish", ACCOUNT, BLOB.sha256, BLOB.size_bytes, SCOPE)
    key = multipart._incoming(ACCOUNT, BLOB.sha256, BLOB.size_bytes)
    await client.store.objects.run(lambda: multipart._complete(grant, key))
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]
    again = await offered(client)
    assert (again.urls, again.stored_bytes) == ({}, len(DATA))
    assert finish(client, again).status == 200
    assert await client.store.missing(ACCOUNT, [BLOB]) == []


async def left_alone(client: Client, given: PartsGiven, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ask once, die, and wait until the verification is over; what is in the bucket then."""
    over, verify = threading.Event(), client.store.multipart._verify

    def watched(grant: Grant, state: Any) -> None:
        try:
            verify(grant, state)
        finally:
            over.set()

    with monkeypatch.context() as patch:
        patch.setattr(client.store.multipart, "_verify", watched)
        patch.setattr(s3_parts, "WAIT_SECONDS", 0.0)
        assert client.ask("POST", given.finish).status == 202
        assert await asyncio.to_thread(over.wait, 60)
    return await keys(client)


async def test_a_client_that_died_during_the_verification_leaves_no_verdict(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes later for the same blob is verified itself."""
    given = await offered(client)
    for number in (1, 2, 3):
        put(client, given, number)
    assert len(await left_alone(client, given, monkeypatch)) == 1
    await client.store.delete(ACCOUNT, BLOB.sha256)
    again = await offered(client)
    for number in (1, 2, 3):
        put(client, again, number, b"x" + DATA[1:])
    assert finish(client, again).error["code"] == "HASH_MISMATCH"
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]


async def test_a_client_that_died_before_its_upload_was_refused_spoils_no_later_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await offered(client)
    for number in (1, 2, 3):
        put(client, given, number, b"x" + DATA[1:])
    assert await left_alone(client, given, monkeypatch) == []
    again = await offered(client)
    assert again.stored_bytes == 0
    for number in (1, 2, 3):
        put(client, again, number)
    assert finish(client, again).status == 200
    assert await client.store.missing(ACCOUNT, [BLOB]) == []


async def test_a_url_serves_for_its_own_part_of_its_own_blob(client: Client) -> None:
    given = await offered(client)
    assert client.ask("PUT", given.urls["1"].replace("partNumber=1", "partNumber=2"), b"x").status == 403
    other = given.finish.replace(BLOB.sha256, sha(b"other"))
    assert client.ask("POST", other).error["code"] == "SIGNATURE_INVALID"


async def test_a_url_expires(address: Address, s3_server: S3Server) -> None:
    client = address.s3_client(s3_server, seconds=1)
    given = await offered(client)
    url = client.store.download_url(ACCOUNT, BLOB.sha256, SCOPE)
    await asyncio.sleep(2.1)
    assert client.ask("PUT", given.urls["1"], DATA[:PART_BYTES_MIN]).status == 403
    assert client.ask("GET", url).status == 403
    assert client.ask("POST", given.finish).error["code"] == "URL_EXPIRED"
    client.store.close()


async def test_what_nobody_went_on_with_is_swept(client: Client) -> None:
    given = await offered(client)
    put(client, given, 1)
    assert await client.store.sweep_parts() == 0
    assert await client.store.sweep_parts(now=time.time() + 25 * 3600) == 1
    assert client.ask("PUT", given.urls["2"], b"x").status in (403, 404)
    assert (await offered(client)).stored_bytes == 0


async def test_all_pages_of_uploads_are_swept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_uploads, "PAGE", 2)
    for number in range(5):
        await offered(client, BlobRef(sha(b"%d" % number), PART_BYTES_MIN))
    assert await client.store.sweep_parts(now=time.time() + 25 * 3600) == 5
    assert await client.store.sweep_parts(now=time.time() + 25 * 3600) == 0


async def test_an_upload_that_is_gone_on_with_is_not_swept(client: Client) -> None:
    """What counts is when its last part came, not when it was begun."""
    given = await offered(client)
    await asyncio.sleep(3)  # the store tells times to the second
    began = time.time()
    put(client, given, 1)
    assert await client.store.sweep_parts(0, now=began - 1) == 0
    assert await client.store.sweep_parts(0, now=began + 60) == 1


async def test_what_was_set_aside_as_damaged_goes_after_a_week(client: Client) -> None:
    objects = client.store.objects
    await objects.run(lambda: objects.put(ACCOUNT, BLOB.sha256, b"x" + DATA[1:]))
    with pytest.raises(BlobDamaged):
        _ = [piece async for piece in client.store.open(ACCOUNT, BLOB.sha256)]
    assert await keys(client) == [f"p/{ACCOUNT}/damaged/{BLOB.sha256}"]
    assert [found async for found in client.store.stale(-60)] == []
    assert await client.store.sweep_parts(now=time.time() + DAMAGED_SECONDS - 60) == 0
    assert await client.store.sweep_parts(now=time.time() + DAMAGED_SECONDS + 60) == 1
    assert await keys(client) == []


def test_parts_are_few_enough_and_always_cut_alike() -> None:
    assert part_bytes(0) == part_bytes(5 * 1024**3) == PART_BYTES_MIN
    for size in (100 * 1024**3, 1024**4):
        length = part_bytes(size)
        assert -(-size // length) <= PARTS_MAX
        assert length % MIB == 0
