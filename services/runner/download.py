"""Blobs from signed URLs into the cache: streamed, unpacked, resumed after a break, verified by their hash."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import aiohttp
import zstandard

from domain.errors import Invalid, Unavailable
from domain.files import MANIFEST_BYTES_MAX
from services.runner.blobs import BlobCache
from services.runner.parallel import together
from services.runner.picks import picked
from services.runner.urls import Urls
from services.runtime.messages import BlobRef

PARALLEL = 8
TRIES_MAX = 30
PAUSE_SECONDS_MAX = 5.0
PIECE_BYTES = 256 * 1024
PACKED_BYTES = 2048
MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE)
"""Errors of this machine's own: asking the door again would not help."""
NOT_STORED = 404
PICKED_MIN = 8
"""So many are worth to be asked for in one answer."""
GONE_MAX = 2
"""A blob that was checked at submit and is gone was set aside as damaged; only who has the file can bring it back."""


class Damaged(Invalid):
    code = "INPUT_DAMAGED"


class Downloads:
    """Fetches what attempts need; a blob that several want at once is fetched once."""

    def __init__(self, http: aiohttp.ClientSession, cache: BlobCache) -> None:
        self._http, self._cache = http, cache
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._places = asyncio.Semaphore(PARALLEL)

    async def fetch(self, blobs: Sequence[BlobRef], urls: Urls) -> None:
        """Have all of `blobs` in the cache. Raises Damaged, Unavailable, StaleLease."""
        missing = {blob.sha256: blob for blob in blobs if blob.sha256 not in self._cache}
        if not missing:
            return
        given = await self._given(list(missing.values()), urls)
        await together(
            self._one(blob, given.get(blob.sha256, ""), urls)
            for blob in missing.values()
            if blob.sha256 not in self._cache
        )

    async def _given(self, blobs: list[BlobRef], urls: Urls) -> dict[str, str]:
        """URLs of the blobs that must be fetched alone; many small ones are in the cache when it returns."""
        if len(blobs) < PICKED_MIN:
            return await urls.download(blobs)
        offer = await urls.fetch(blobs)
        for url, hashes in offer.bundles:
            await picked(self._http, url, hashes, self._take)
        left = {sha256 for _, hashes in offer.bundles for sha256 in hashes if sha256 not in self._cache}
        return offer.urls | await urls.download([blob for blob in blobs if blob.sha256 in left])

    def _take(self, sha256: str, content: bytes) -> None:
        """Into the cache, at once; what somebody else is fetching just now is left to them."""
        lock = self._locks.get(sha256)
        if sha256 not in self._cache and not (lock and lock.locked()):
            self._cache.part(sha256).write_bytes(content)
            self._cache.add(sha256)

    async def _one(self, blob: BlobRef, url: str, urls: Urls) -> None:
        async with self._locks.setdefault(blob.sha256, asyncio.Lock()), self._places:
            if blob.sha256 not in self._cache:
                await self._persist(blob, url, urls)

    async def _persist(self, blob: BlobRef, url: str, urls: Urls) -> None:
        damaged, gone, pause = 0, 0, 0.1
        problem = "it is not stored"
        for _ in range(TRIES_MAX):
            try:
                if url:
                    await self._get(blob, url)
                    self._cache.add(blob.sha256)
                    return
            except Damaged:
                damaged += 1
                if damaged == 2:
                    raise
            except aiohttp.ClientResponseError as error:
                problem, gone = f"the store answers {error.status}", gone + (error.status == NOT_STORED)
                if gone > GONE_MAX:
                    raise Damaged(f"{blob.sha256[:12]}… is not in the store any more; it was damaged there") from error
            except (aiohttp.ClientError, TimeoutError, OSError, zstandard.ZstdError) as error:
                if isinstance(error, OSError) and error.errno in MACHINE:
                    raise
                problem = str(error) or type(error).__name__
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            url = (await urls.download([blob])).get(blob.sha256, "")
        raise Unavailable(f"{blob.sha256[:12]}…: {problem}")

    async def _get(self, blob: BlobRef, url: str) -> None:
        """One go at it; what an earlier go left in the part file is kept and gone on from."""
        part = self._cache.part(blob.sha256)
        digest, had = await asyncio.to_thread(_digest, part)
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={had}-"} if had else {"Accept-Encoding": "zstd"}
        async with self._http.get(url, headers=headers) as answer:
            if answer.status == 416 or (had and answer.status == 200):
                part.unlink(missing_ok=True)
            answer.raise_for_status()
            if answer.status == 200:
                digest, had = hashlib.sha256(), 0
            room = (blob.size_bytes or MANIFEST_BYTES_MAX) - had
            with part.open("ab") as file:
                async for data in _unpacked(answer):
                    digest.update(data)
                    file.write(data)
                    room -= len(data)
                    if room < 0:
                        break
        if digest.hexdigest() != blob.sha256:
            part.unlink(missing_ok=True)
            raise Damaged(f"blob {blob.sha256[:12]}… does not have the content that its hash names")


async def _unpacked(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The content, in pieces of bounded size: four packed bytes can become 128 KiB."""
    if answer.headers.get("Content-Encoding") != "zstd":
        async for piece in answer.content.iter_chunked(PIECE_BYTES):
            yield piece
        return
    unpack = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        for at in range(0, len(piece), PACKED_BYTES):
            yield unpack.decompress(piece[at : at + PACKED_BYTES])


def _digest(part: Path) -> tuple[hashlib._Hash, int]:
    """Hash and length of what is there already."""
    digest, length = hashlib.sha256(), 0
    if part.exists():
        with part.open("rb") as file:
            while piece := file.read(1024 * 1024):
                digest.update(piece)
                length += len(piece)
    return digest, length
