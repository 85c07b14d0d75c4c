"""A signed URL opens the door for one thing only, and not for long."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from domain.errors import Forbidden, Invalid
from services.artifacts.signing import SECONDS_MAX, Grant, Signer
from tests.services.artifacts.client import Client, sha
from tests.services.artifacts.conftest import KEY

DATA = b"some content"
PUT = Grant("put", "local", sha(DATA), len(DATA), "exec_1.1")
GET = Grant("get", "local", sha(DATA), 0, "key_1")


def read(signer: Signer, url: str) -> Grant:
    parts = urlsplit(url)
    account, sha256 = parts.path.split("/")[-2:]
    return signer.verified(account, sha256, parts.query.encode())


@pytest.mark.parametrize("grant", [PUT, GET])
def test_a_url_says_what_it_allows(grant: Grant) -> None:
    signer = Signer(KEY, "http://127.0.0.1:1/")
    url = signer.url(grant)
    assert url.startswith(f"http://127.0.0.1:1/blobs/local/{sha(DATA)}?op={grant.op}&exp=")
    assert read(signer, url) == grant


def test_a_url_expires() -> None:
    now = 1_000_000.0
    signer = Signer(KEY, "http://x", now=lambda: now)
    url = signer.url(PUT)
    now += SECONDS_MAX - 1
    assert read(signer, url) == PUT
    now += 1
    with pytest.raises(Forbidden) as refused:
        read(signer, url)
    assert refused.value.code == "URL_EXPIRED"


def test_no_url_lives_longer_than_a_quarter_of_an_hour() -> None:
    with pytest.raises(ValueError, match="900 seconds"):
        Signer(KEY, "http://x", seconds=SECONDS_MAX + 1)
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Signer(b"short", "http://x")


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("op=put", "op=get"),
        ("/local/", "/other/"),
        (sha(DATA), sha(b"x")),
        (r"size=\d+", "size=13"),
        ("size=12&", ""),
        ("size=12", "size=-12"),
        (r"$", "&size=12"),
        ("scope=exec_1.1", "scope=exec_1.2"),
        (r"exp=(\d)", r"exp=9\1"),
        (r"exp=\d+", "exp=%D9%A1"),
        (r"sig=....", "sig=0000"),
        (r"sig=.*", "sig=%C3%A9"),
        (r"&sig=.*", ""),
    ],
)
def test_nothing_about_it_can_be_changed(pattern: str, other: str) -> None:
    signer = Signer(KEY, "http://x")
    changed = re.sub(pattern, other, signer.url(PUT), count=1)
    assert changed != signer.url(PUT)
    with pytest.raises((Forbidden, Invalid)):
        read(signer, changed)


def test_another_key_is_another_signature() -> None:
    with pytest.raises(Forbidden):
        read(Signer(KEY[::-1], "http://x"), Signer(KEY, "http://x").url(PUT))


@pytest.mark.parametrize(
    "grant",
    [
        Grant("put", "../up", sha(DATA), 1, "s"),
        Grant("put", "local\n", sha(DATA), 1, "s"),
        Grant("put", "local", "ABC", 1, "s"),
        Grant("put", "local", sha(DATA) + "\n", 1, "s"),
        Grant("put", "local", sha(DATA), -1, "s"),
        Grant("put", "local", sha(DATA), 1, "a b"),
        Grant("delete", "local", sha(DATA), 1, "s"),
    ],
)
def test_nothing_odd_is_signed(grant: Grant) -> None:
    with pytest.raises(Invalid):
        Signer(KEY, "http://x").url(grant)


def test_the_door_keeps_to_the_operation(client: Client) -> None:
    for method, url in (
        ("PUT", client.get_url(DATA)),
        ("PATCH", client.get_url(DATA)),
        ("GET", client.put_url(DATA)),
    ):
        answer = client.ask(method, url, DATA)
        assert (answer.status, answer.error["code"]) == (403, "WRONG_OPERATION")
    assert client.ask("DELETE", client.put_url(DATA)).error["code"] == "METHOD_NOT_ALLOWED"


def test_the_door_opens_to_no_other_url(client: Client) -> None:
    url = client.put_url(DATA)
    assert client.ask("PUT", url.replace("sig=", "sig=0"), DATA).error["code"] == "SIGNATURE_INVALID"
    assert client.ask("PUT", url.split("?")[0], DATA).error["code"] == "SIGNATURE_INVALID"
    assert client.ask("GET", url.replace("/local/", "/..%2f..%2fetc%0a/"), DATA).status == 422
    assert client.ask("GET", url.split("/blobs")[0] + "/", DATA).status in (403, 404, 422)
    assert client.files() == []
