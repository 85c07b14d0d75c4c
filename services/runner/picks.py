"""Many small blobs in one answer of the store; what does not come this way is fetched alone afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import aiohttp

from services.artifacts.bundling import BLOB_BYTES_MAX, HEAD
from services.artifacts.picks import LACKING, list_of


async def picked(
    http: aiohttp.ClientSession, url: str, hashes: Sequence[str], take: Callable[[str, bytes], None]
) -> None:
    """Call `take(sha256, content)` for each that comes, and is what it should be. Tried once; raises OSError of `take`."""
    try:
        async with http.post(url, data=list_of(hashes)) as answer:
            if answer.status != 200:
                return
            while True:
                digest, length = HEAD.unpack(await answer.content.readexactly(HEAD.size))
                if length == LACKING:
                    continue
                if length > BLOB_BYTES_MAX:
                    return
                content = await answer.content.readexactly(length)
                if hashlib.sha256(content).digest() == digest:
                    take(digest.hex(), content)
    except (aiohttp.ClientError, TimeoutError, EOFError, ConnectionError):
        return  # the end, or a break: either way the rest comes alone
