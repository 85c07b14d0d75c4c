"""Blobs come back whole, in ranges and compressed, and a damaged one never to its end."""

from __future__ import annotations

import http.client
import os
import random
from pathlib import Path

import pytest
import zstandard

from tests.services.artifacts.client import Client, packed, sha

BIG = os.urandom(3_000_000)
TEXT = b"".join(b"line %d of a text that compresses well\n" % number for number in range(60_000))


def stored(client: Client, data: bytes, zstd: bool) -> Path:
    headers = {"content_encoding": "zstd"} if zstd else {}
    assert client.put(data, packed(data) if zstd else data, **headers).status == 201
    return client.store.folder / client.files()[0]


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-", 0, len(TEXT)),
        ("bytes=1000000-1999999", 1_000_000, 2_000_000),
        ("bytes=5-5", 5, 6),
        ("bytes=-10", len(TEXT) - 10, len(TEXT)),
        ("bytes=700000-999999999", 700_000, len(TEXT)),
    ],
)
def test_a_range_comes_alone(client: Client, wanted: str, start: int, stop: int, zstd: bool) -> None:
    stored(client, TEXT, zstd)
    answer = client.get(TEXT, range=wanted, accept_encoding="zstd")
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(TEXT)}"
    assert answer.body == TEXT[start:stop]


def test_a_range_outside_is_refused(client: Client) -> None:
    stored(client, TEXT, False)
    answer = client.get(TEXT, range=f"bytes={len(TEXT)}-")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(TEXT)}")
    assert answer.error["code"] == "RANGE_NOT_SATISFIABLE"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=1-2,5-6"])
def test_a_range_that_is_none_means_all(client: Client, wanted: str) -> None:
    stored(client, TEXT, False)
    answer = client.get(TEXT, range=wanted)
    assert (answer.status, answer.body == TEXT) == (200, True)


def test_a_range_of_another_version_means_all(client: Client) -> None:
    stored(client, TEXT, False)
    assert client.get(TEXT, range="bytes=1-2", if_range='"other"').status == 200
    assert client.get(TEXT, range="bytes=1-2", if_range=f'"{sha(TEXT)}"').body == TEXT[1:3]


def test_what_is_stored_as_zstd_travels_so_to_who_takes_it(client: Client) -> None:
    stored(client, TEXT, True)
    answer = client.get(TEXT, accept_encoding="gzip, zstd")
    assert answer.headers["content-encoding"] == "zstd"
    assert answer.headers["blob-size"] == str(len(TEXT))
    assert len(answer.body) == int(answer.headers["content-length"]) < len(TEXT) // 4
    assert zstandard.ZstdDecompressor().decompressobj().decompress(answer.body) == TEXT
    for other in ("gzip", "zstd;q=0", ""):
        answer = client.get(TEXT, accept_encoding=other)
        assert ("content-encoding" not in answer.headers, answer.body == TEXT) == (True, True)


def test_the_head_says_what_there_is(client: Client) -> None:
    stored(client, BIG, False)
    answer = client.ask("HEAD", client.get_url(BIG))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(BIG)))
    assert answer.headers["etag"] == f'"{sha(BIG)}"'
    assert client.ask("HEAD", client.get_url(b"nothing")).status == 404


def test_what_is_not_there_is_not_found(client: Client) -> None:
    answer = client.get(b"never stored")
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


def test_a_download_goes_on_where_it_broke_off(client: Client) -> None:
    stored(client, BIG, False)
    with client.connection("GET", client.get_url(BIG), 0) as wire:
        got = wire.makefile("rb").read(1_000_000).split(b"\r\n\r\n", 1)[1]
    assert 0 < len(got) < len(BIG)
    assert got + client.get(BIG, range=f"bytes={len(got)}-").body == BIG


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
@pytest.mark.parametrize("accept", ["identity", "zstd"])
def test_a_damaged_blob_never_comes_whole(client: Client, zstd: bool, accept: str) -> None:
    path = stored(client, TEXT, zstd)
    content = bytearray(path.read_bytes())
    content[random.randrange(2 * len(content) // 3, len(content) - 16)] ^= 1
    path.write_bytes(content)
    try:
        assert client.get(TEXT, accept_encoding=accept).error["code"] == "BLOB_DAMAGED"
    except http.client.IncompleteRead as cut:
        assert len(cut.partial) < len(TEXT)
    assert client.get(TEXT).status == 404
    assert client.put(TEXT).status == 201
    assert client.get(TEXT).body == TEXT


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
def test_a_small_damaged_blob_is_refused_in_words(client: Client, zstd: bool) -> None:
    data = b"a small text"
    path = stored(client, data, zstd)
    path.write_bytes(path.read_bytes().replace(b"small", b"smell"))
    answer = client.get(data)
    assert (answer.status, answer.error["code"]) == (500, "BLOB_DAMAGED")
    assert client.files() == [f"local/{sha(data)[:2]}/{sha(data)}.damaged"]


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
def test_a_truncated_blob_is_never_passed_off(client: Client, zstd: bool) -> None:
    path = stored(client, TEXT, zstd)
    path.write_bytes(path.read_bytes()[:-1])
    try:
        assert client.get(TEXT).status in (404, 500)
    except http.client.IncompleteRead:
        pass
    assert client.get(TEXT).status == 404
