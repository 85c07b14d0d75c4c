"""Giving blobs: whole or in ranges, as zstd where stored so and welcome, and cut off before the end when they are damaged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from domain.errors import Invalid
from services.artifacts import reading
from services.artifacts.bodies import ClientGone, Receive
from services.artifacts.local import LocalStore
from services.artifacts.signing import Grant
from services.artifacts.store import BlobDamaged

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Download:
    """A response on its way: `pieces` sum to `length` bytes; `first` was read already, so its damage is known."""

    status: int
    headers: list[tuple[str, str]]
    length: int
    first: bytes
    pieces: Iterator[bytes]


def opened(store: LocalStore, grant: Grant, headers: Mapping[str, str]) -> Download:
    """Open a blob as the request's headers want it. Blocks. Raises NotFound, Invalid (RANGE), BlobDamaged."""
    blob = store.found(grant.account, grant.sha256)
    span = _span(blob, headers)
    fields = [
        ("content-type", "application/octet-stream"),
        ("etag", f'"{blob.sha256}"'),
        ("accept-ranges", "bytes"),
        ("vary", "accept-encoding"),
        ("blob-size", str(blob.size_bytes)),
    ]
    if span is None and blob.packed_bytes is not None and _takes_zstd(headers.get("accept-encoding", "")):
        status, length, pieces = 200, blob.packed_bytes, reading.packed_content(blob)
        fields.append(("content-encoding", "zstd"))
    else:
        start, stop = span or (0, blob.size_bytes)
        status, length, pieces = 206 if span else 200, stop - start, reading.content(blob, start, stop)
    if span:
        fields.append(("content-range", f"bytes {span[0]}-{span[1] - 1}/{blob.size_bytes}"))
    first = _next(store, grant, pieces)
    return Download(status, fields, length, first, pieces)


async def body(
    store: LocalStore, grant: Grant, download: Download, receive: Receive
) -> AsyncIterator[tuple[bytes, bool]]:
    """The pieces of a download and whether more follow, the next one read while one is sent. Raises ClientGone, BlobDamaged."""
    left = download.length - len(download.first)
    if left <= 0:
        yield download.first, False
        return
    gone = asyncio.ensure_future(_gone(receive))
    following = store.start(partial(_next, store, grant, download.pieces))
    try:
        yield download.first, True
        while left > 0:
            await asyncio.wait({following})
            piece = following.result()
            left -= len(piece)
            if gone.done() or not piece:
                raise ClientGone
            if left > 0:
                following = store.start(partial(_next, store, grant, download.pieces))
            yield piece, left > 0
    finally:
        gone.cancel()
        await asyncio.wait({following})


def _next(store: LocalStore, grant: Grant, pieces: Iterator[bytes]) -> bytes:
    """The next piece, b"" behind the last one; a damaged blob is set aside."""
    try:
        return next(pieces, b"")
    except BlobDamaged as damage:
        store.set_aside(grant.account, grant.sha256, damage)
        raise


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _takes_zstd(accepted: str) -> bool:
    codings = [coding.replace(" ", "").lower() for coding in accepted.split(",")]
    return any(
        coding == "zstd" or (coding.startswith("zstd;q=") and coding[7:].strip("0.") != "") for coding in codings
    )


def _span(blob: reading.Blob, headers: Mapping[str, str]) -> tuple[int, int] | None:
    """(first byte, byte behind the last) of the wanted range; None when all is wanted. One range; others mean all."""
    matched = RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if matched is None or matched.group(0) == "bytes=-" or headers.get("if-range", _tag(blob)) != _tag(blob):
        return None
    first, last = matched.groups()
    if not first:
        start, stop = max(0, blob.size_bytes - int(last)), blob.size_bytes
    else:
        start, stop = int(first), min(int(last) + 1 if last else blob.size_bytes, blob.size_bytes)
    if first and last and int(last) < int(first):
        return None
    if start >= stop:
        message = f"The blob has {blob.size_bytes} bytes; nothing of it lies in that range."
        raise Invalid(message, code="RANGE_NOT_SATISFIABLE", details={"size_bytes": blob.size_bytes})
    return start, stop


def _tag(blob: reading.Blob) -> str:
    return f'"{blob.sha256}"'
