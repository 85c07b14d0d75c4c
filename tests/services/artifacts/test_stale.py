"""A blob that somebody asks for while it is being removed: either it stays, or who asked was told that it is missing."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from services.artifacts import stale
from services.artifacts.local import LocalStore
from services.runtime.messages import BlobRef
from tests.services.artifacts.client import ACCOUNT, Client, packed, sha

DAY, LONG_AGO = 86_400.0, 90 * 86_400.0
DATA = b"some content " * 1000
BLOB = BlobRef(sha(DATA), len(DATA))


def stored(client: Client, *, zstd: bool = False) -> Path:
    """A blob that was put long ago."""
    assert client.put(
        DATA, packed(DATA) if zstd else None, **({"content_encoding": "zstd"} if zstd else {})
    ).status in (200, 201)
    path = client.store.find(ACCOUNT, BLOB.sha256).path  # type: ignore[union-attr]
    then = time.time() - LONG_AGO
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("zstd", [False, True])
async def test_what_was_not_asked_for_goes(client: Client, zstd: bool) -> None:
    path = stored(client, zstd=zstd)
    assert [found async for found in client.store.stale(DAY)] == [(ACCOUNT, [BLOB.sha256])]
    size = path.stat().st_size
    assert await client.store.remove_stale(ACCOUNT, BLOB.sha256, DAY) == size
    assert list(path.parent.iterdir()) == []
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]


@pytest.mark.parametrize("zstd", [False, True])
async def test_to_ask_whether_it_is_missing_keeps_it(client: Client, zstd: bool) -> None:
    stored(client, zstd=zstd)
    assert await client.store.missing(ACCOUNT, [BLOB]) == []
    assert [found async for found in client.store.stale(DAY)] == []
    assert await client.store.remove_stale(ACCOUNT, BLOB.sha256, DAY) is None
    assert client.get(DATA).body == DATA


async def test_to_put_it_again_keeps_it(client: Client) -> None:
    stored(client)
    assert client.put(DATA).status in (200, 201)
    assert await client.store.remove_stale(ACCOUNT, BLOB.sha256, DAY) is None


async def test_who_asks_at_the_last_moment_keeps_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its time and its going, `missing` said that it is there."""
    path = stored(client)
    move = Path.rename

    def asked_first(self: Path, target: Any) -> Path:
        if self == path:
            assert client.store.find(ACCOUNT, BLOB.sha256) is not None
        return move(self, target)

    monkeypatch.setattr(Path, "rename", asked_first)
    assert await client.store.remove_stale(ACCOUNT, BLOB.sha256, DAY) is None
    assert await client.store.missing(ACCOUNT, [BLOB]) == []


async def test_who_asks_a_moment_too_late_hears_that_it_is_missing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`missing` saw the file, and it went before its time was renewed."""
    path = stored(client)
    renew = os.utime

    def gone_first(target: Any, *times: Any) -> None:
        if target == path:
            assert stale.removed(path, time.time() - DAY)
        renew(target, *times)

    monkeypatch.setattr(os, "utime", gone_first)
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]


async def test_who_renews_what_is_already_out_of_sight_hears_that_it_is_missing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system found the file under its name, and it was moved and judged before its time was set."""
    path = stored(client)
    renew = os.utime

    def found_first(target: Any, *times: Any) -> None:
        with path.open("rb") as file:
            assert stale.removed(path, time.time() - DAY)
            renew(file.fileno(), *times)

    monkeypatch.setattr(os, "utime", found_first)
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]


async def test_a_removal_takes_nothing_that_another_one_moved(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is about to remove, the blob is brought anew; another one, which saw the old one, moves that and puts it back."""
    path = stored(client)
    before = time.time() - DAY
    move, remove = Path.rename, Path.unlink

    def removed_by_the_first(self: Path, target: Any) -> Path:
        os.utime(self)
        found = move(self, target)
        monkeypatch.undo()
        remove(first[0])
        return found

    first: list[Path] = []

    def brought_anew(self: Path, missing_ok: bool = False) -> None:
        first.append(self)
        path.write_bytes(DATA)
        os.utime(path, (before - DAY, before - DAY))
        monkeypatch.setattr(Path, "rename", removed_by_the_first)
        assert stale.removed(path, before) is None

    monkeypatch.setattr(Path, "unlink", brought_anew)
    assert stale.removed(path, before) is not None
    assert path.read_bytes() == DATA


async def test_many_who_ask_and_many_who_remove(client: Client) -> None:
    """Whoever heard that it is there can read it afterwards."""
    for _ in range(20):
        path = stored(client)
        other = LocalStore(client.store.folder, client.store.signer)
        stores = [client.store, other] * 4
        removals = (store.remove_stale(ACCOUNT, BLOB.sha256, DAY) for store in stores)
        questions = (store.missing(ACCOUNT, [BLOB]) for store in stores)
        answers = await asyncio.gather(*(each for pair in zip(removals, questions, strict=True) for each in pair))
        if [] in answers[1::2]:
            assert path.read_bytes() == DATA
            assert [size for size in answers[::2] if size] == []
        else:
            assert len([size for size in answers[::2] if size]) == (0 if path.exists() else 1)
        other.close()


async def test_a_removal_that_was_cut_off_is_undone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays for another day: it may replace one that somebody brought meanwhile."""
    path = stored(client)
    going = path.with_name(path.name + stale.GOING + "1")
    path.rename(going)
    assert await client.store.missing(ACCOUNT, [BLOB]) == [BLOB]
    assert [found async for found in client.store.stale(DAY)] == []
    assert going.exists(), "its removal may still be going on"
    monkeypatch.setattr(stale, "CUT_OFF_SECONDS", -1.0)
    assert [found async for found in client.store.stale(DAY)] == []
    assert await client.store.missing(ACCOUNT, [BLOB]) == []
    assert await client.store.remove_stale(ACCOUNT, BLOB.sha256, DAY) is None
    assert client.get(DATA).body == DATA
