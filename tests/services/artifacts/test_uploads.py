"""Blobs come in whole or in steps, plain or as zstd, and only as what they were announced to be."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.artifacts import bodies, uploads
from tests.services.artifacts.client import Client, packed, sha

BIG = os.urandom(3_000_000)
TEXT = b"the quick brown fox jumps over the lazy dog\n" * 60_000


@pytest.mark.parametrize("data", [b"", b"x", BIG, TEXT], ids=["empty", "one", "big", "text"])
@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
def test_a_blob_is_stored_and_comes_back(client: Client, data: bytes, zstd: bool) -> None:
    headers = {"content_encoding": "zstd"} if zstd else {}
    answer = client.put(data, packed(data) if zstd else data, **headers)
    assert (answer.status, answer.headers["blob-complete"]) == (201, "1")
    assert client.get(data).body == data
    assert client.files() == [f"local/{sha(data)[:2]}/{sha(data)}" + (".zst" if zstd else "")]


def test_a_body_without_a_length_is_taken(client: Client) -> None:
    assert client.ask("PUT", client.put_url(BIG), iter([BIG[:1000], BIG[1000:]])).status == 201
    assert client.get(BIG).body == BIG


def test_a_blob_that_is_there_is_not_stored_again(client: Client) -> None:
    assert client.put(BIG).status == 201
    assert client.put(BIG).status == 200
    assert client.ask("HEAD", client.put_url(BIG)).headers["blob-complete"] == "1"
    assert client.patch(client.put_url(BIG), 0, BIG).headers["blob-complete"] == "1"
    assert len(client.files()) == 1


def test_another_content_is_refused(client: Client) -> None:
    answer = client.put(b"what was announced", b"what came in truth")
    assert (answer.status, answer.error["code"]) == (422, "HASH_MISMATCH")
    assert answer.error["details"]["got"] == sha(b"what came in truth")
    assert set(answer.error) == {"code", "message", "details", "request_id", "docs"}
    assert answer.headers["x-request-id"] == answer.error["request_id"]
    assert client.files() == []


def test_too_little_is_refused(client: Client) -> None:
    answer = client.put(BIG, BIG[:-1])
    assert (answer.status, answer.error["code"]) == (422, "SIZE_MISMATCH")
    assert client.files() == []


@pytest.mark.parametrize("body", [BIG + b"x", iter([BIG, b"x"])], ids=["announced", "in chunks"])
def test_too_much_is_refused(client: Client, body: bytes) -> None:
    answer = client.ask("PUT", client.put_url(BIG), body)
    assert (answer.status, answer.error["code"]) == (413, "BLOB_TOO_LARGE")
    assert client.files() == []


def test_a_bomb_is_not_unfolded(client: Client) -> None:
    bomb = packed(bytes(200_000_000))
    assert len(bomb) < 20_000
    for method in ("PUT", "PATCH"):
        url = client.put_url(TEXT)
        answer = client.ask(method, url, bomb, content_encoding="zstd", upload_offset="0")
        assert (answer.status, answer.error["code"]) == (413, "BLOB_TOO_LARGE")
    assert client.files() == []


@pytest.mark.parametrize("body", [b"not zstd at all", packed(TEXT)[:-100], packed(TEXT)[:200] + bytes(3000)])
def test_damaged_zstd_is_refused(client: Client, body: bytes) -> None:
    answer = client.put(TEXT, body, content_encoding="zstd")
    assert (answer.status, answer.error["code"]) == (422, "ENCODING_DAMAGED")
    assert client.files() == []


def test_an_unknown_encoding_is_refused(client: Client) -> None:
    assert client.put(TEXT, content_encoding="gzip").error["code"] == "ENCODING_UNKNOWN"


def test_an_upload_goes_on_where_it_broke_off(client: Client) -> None:
    url = client.put_url(BIG)
    client.cut_off_after(url, 1_000_000, len(BIG), BIG[:1_700_000])
    assert 1_000_000 <= client.resume(url, BIG) <= 1_700_000
    assert client.get(BIG).body == BIG


def test_a_packed_upload_goes_on_behind_its_last_whole_frame(client: Client) -> None:
    url, frames = client.put_url(BIG), [packed(BIG[at : at + 500_000]) for at in range(0, len(BIG), 500_000)]
    sent = b"".join(frames[:3])[:-10]
    client.cut_off_after(url, 1_000_000, len(sent) + 99, sent, content_encoding="zstd")
    assert client.resume(url, BIG) == 1_000_000
    assert client.get(BIG).body == BIG


def test_an_upload_goes_on_after_a_restart_of_the_door(client: Client) -> None:
    url = client.put_url(TEXT)
    assert client.patch(url, 0, packed(TEXT[:900_000]), content_encoding="zstd").status == 204
    [part] = client.store.folder.glob("local/parts/*")
    with part.open("ab") as file:
        file.write(b"half a frame that a crash left")
    assert client.offset(url) == 900_000
    assert client.patch(url, 900_000, packed(TEXT[900_000:]), content_encoding="zstd").status == 200
    assert client.get(TEXT).body == TEXT


def test_an_upload_may_change_its_encoding_on_the_way(client: Client) -> None:
    url = client.put_url(TEXT)
    assert client.patch(url, 0, TEXT[:700_000]).headers["upload-offset"] == "700000"
    answer = client.patch(url, 700_000, packed(TEXT[700_000:1_500_000]), content_encoding="zstd")
    assert answer.headers["upload-offset"] == "1500000"
    assert client.patch(url, 1_500_000, TEXT[1_500_000:]).status == 200
    assert client.get(TEXT).body == TEXT


def test_a_step_at_another_offset_is_refused_with_the_right_one(client: Client) -> None:
    url = client.put_url(BIG)
    assert client.patch(url, 0, BIG[:1000]).status == 204
    answer = client.patch(url, 500, BIG[500:])
    assert (answer.status, answer.headers["upload-offset"]) == (409, "1000")
    assert answer.error["code"] == "UPLOAD_OFFSET_MISMATCH"
    assert client.patch(url, 1000, BIG[1000:]).status == 200


def test_an_upload_that_proves_wrong_begins_anew(client: Client) -> None:
    url = client.put_url(BIG)
    assert client.patch(url, 0, b"x" * 1000).status == 204
    assert client.patch(url, 1000, BIG[1000:]).error["code"] == "HASH_MISMATCH"
    assert (client.offset(url), client.files()) == (0, [])


def test_an_interrupted_put_leaves_nothing(client: Client) -> None:
    client.cut_off("PUT", client.put_url(BIG), len(BIG), BIG[:2_000_000])
    for _ in range(2000):
        if not client.files():
            break
        threading.Event().wait(0.01)
    assert client.files() == []


def test_two_scopes_upload_apart(client: Client) -> None:
    mine, theirs = client.put_url(BIG), client.put_url(BIG, scope="exec_2.1")
    assert client.patch(mine, 0, BIG[:1000]).status == 204
    assert client.offset(theirs) == 0
    assert client.patch(theirs, 0, BIG).status == 200
    assert client.ask("HEAD", mine).headers["blob-complete"] == "1"


def test_many_put_the_same_blob_at_once(client: Client) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(client.put(BIG).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 8
    assert set(statuses) <= {200, 201}
    assert 201 in statuses
    assert client.files() == [f"local/{sha(BIG)[:2]}/{sha(BIG)}"]
    assert client.get(BIG).body == BIG


def test_a_second_writer_waits_and_a_silent_one_is_taken_over(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = client.put_url(BIG)
    with client.connection("PATCH", url, len(BIG), upload_offset="0") as wire:
        wire.sendall(BIG[:1_000_000])
        client.offset_reaches(url, 500_000)
        monkeypatch.setattr(uploads, "TAKE_OVER_SECONDS", 3600.0)
        answer = client.patch(url, 0, BIG)
        assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (409, "UPLOAD_BUSY", "1")
        monkeypatch.setattr(uploads, "TAKE_OVER_SECONDS", 0.0)
        answer = client.patch(url, 0, BIG)
        assert answer.error["code"] == "UPLOAD_OFFSET_MISMATCH"
        offset = int(answer.headers["upload-offset"])
        assert offset >= 500_000
        assert client.patch(url, offset, BIG[offset:]).status == 200
        assert b"408" in wire.recv(1000)


def test_a_silent_client_is_not_waited_for_for_ever(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS_MAX", 0.1)
    with client.connection("PUT", client.put_url(BIG), len(BIG)) as wire:
        wire.sendall(BIG[:1000])
        assert b"UPLOAD_STALLED" in wire.makefile("rb").read()
    assert client.files() == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 40_000), max_size=6),
    zstd=st.lists(st.booleans(), min_size=7, max_size=7),
    seed=st.binary(),
)
def test_steps_may_be_cut_anywhere(client: Client, cuts: list[int], zstd: list[bool], seed: bytes) -> None:
    data = (seed + b"some text that compresses ") * 2000
    data = data[:40_000]
    url, edges = client.put_url(data), [0, *sorted(cuts), len(data)]
    for start, stop, pack in zip(edges, edges[1:], zstd, strict=False):
        body = packed(data[start:stop]) if pack else data[start:stop]
        answer = client.patch(url, start, body, **({"content_encoding": "zstd"} if pack else {}))
        if answer.headers.get("blob-complete"):
            break
        assert int(answer.headers["upload-offset"]) == stop
    assert client.get(data).body == data
