"""Blobs on their way into the cache: fetched once for all who want them, and never unpacked beyond what they may be."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import zstandard
from aiohttp import web

from services.runner.blobs import BlobCache
from services.runner.download import Damaged, Downloads
from services.runtime.messages import BlobRef


class Source:
    """A door that serves packed bytes, and gives URLs to it."""

    def __init__(self, packed: bytes) -> None:
        self.packed, self.asked, self.url = packed, 0, ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.sleep(0.05)
        return web.Response(body=self.packed, headers={"Content-Encoding": "zstd"})

    async def download(self, blobs: list[BlobRef]) -> dict[str, str]:
        return {blob.sha256: self.url for blob in blobs}


@pytest.fixture
async def door() -> Any:
    runners: list[web.AppRunner] = []

    async def open_door(packed: bytes) -> Source:
        source, app = Source(packed), web.Application()
        app.router.add_get("/", source.serve)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        source.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        return source

    yield open_door
    for runner in runners:
        await runner.cleanup()


async def test_many_who_want_the_same_fetch_it_once(door: Any, tmp_path: Path) -> None:
    data = b"same" * 1000
    source = await door(zstandard.compress(data))
    cache = BlobCache(tmp_path / "blobs")
    blob = BlobRef(hashlib.sha256(data).hexdigest(), len(data))
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        downloads = Downloads(http, cache)
        await asyncio.gather(*(downloads.fetch([blob], source) for _ in range(20)))
    assert cache.path(blob.sha256).read_bytes() == data
    assert source.asked == 1


@pytest.mark.parametrize("size_bytes", [1000, 0])
async def test_a_bomb_is_not_unpacked(door: Any, tmp_path: Path, size_bytes: int) -> None:
    source = await door(zstandard.compress(bytes(400_000_000)))
    cache = BlobCache(tmp_path / "blobs")
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        written = []
        open_part = cache.part
        cache.part = lambda sha256: written.append(open_part(sha256)) or written[-1]  # type: ignore[method-assign, func-returns-value]
        with pytest.raises(Damaged):
            await Downloads(http, cache).fetch([BlobRef("0" * 64, size_bytes)], source)
    assert not written[0].exists()
