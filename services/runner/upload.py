"""Files to signed URLs: small ones whole, large ones in steps that can be resumed, packed where that saves something."""

from __future__ import annotations

import asyncio
import os

import aiohttp
import zstandard

from domain.errors import Unavailable
from services.runner.bundles import Bundles, Upload
from services.runner.parallel import together
from services.runner.parted import Parted
from services.runner.plain_file import content, opened, stretch
from services.runner.urls import Urls
from services.runtime.messages import BlobRef

WHOLE_BYTES_MAX = 1024**2
STEP_BYTES = 4 * 1024**2
SAMPLE_BYTES = 64 * 1024
PACK_BYTES_MIN = 512
RATIO_MAX = 0.9
PARALLEL, PARALLEL_LARGE = 8, 2
TRIES_MAX = 60
PAUSE_SECONDS_MAX = 10.0


class Uploads:
    """Stores what is not stored yet, several at once; memory is bounded by PARALLEL small or PARALLEL_LARGE steps."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._bundles, self._parted = Bundles(http), Parted(http)
        self._small, self._large = asyncio.Semaphore(PARALLEL), asyncio.Semaphore(PARALLEL_LARGE)

    async def store(self, files: list[Upload], urls: Urls) -> None:
        """Raises Unavailable, StaleLease."""
        by_hash = {file.sha256: file for file in files}
        if not by_hash:
            return
        offer = await urls.bring([BlobRef(file.sha256, file.size_bytes) for file in by_hash.values()])
        given = offer.urls
        for url, bundled in offer.bundles:
            given |= await self._bundles.bring([by_hash[sha256] for sha256 in bundled], url, urls)
        await self._parted.bring([(by_hash[sha256], parts) for sha256, parts in offer.parts.items()], urls)
        waiting = iter(given.items())

        async def some() -> None:
            for sha256, url in waiting:
                await self._persist(by_hash[sha256], url, urls)

        await together(some() for _ in range(min(PARALLEL, len(given))))

    async def _persist(self, file: Upload, url: str, urls: Urls) -> None:
        pause, problem = 0.1, ""
        for _ in range(TRIES_MAX):
            try:
                if file.size_bytes <= WHOLE_BYTES_MAX:
                    async with self._small:
                        problem = await self._put(file, url)
                else:
                    async with self._large:
                        problem = await self._patch(file, url)
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if not problem:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            fresh = await urls.upload([BlobRef(file.sha256, file.size_bytes)])
            if file.sha256 not in fresh:
                return  # it was stored after all
            url = fresh[file.sha256]
        raise Unavailable(f"{file.path.name}: {problem}")

    async def _put(self, file: Upload, url: str) -> str:
        """Nothing when it is stored, otherwise what the door said."""
        data = content(file.path, file.size_bytes)
        packed = _packed(data) if len(data) >= PACK_BYTES_MIN else data
        small = len(packed) < len(data) * RATIO_MAX
        headers = {"Content-Encoding": "zstd"} if small else {}
        async with self._http.put(url, data=packed if small else data, headers=headers) as answer:
            return "" if answer.status < 300 else f"{answer.status}: {(await answer.text())[:300]}"

    async def _patch(self, file: Upload, url: str) -> str:
        """Go on from where the door says it is; nothing when it is stored, otherwise what it said."""
        async with self._http.head(url) as answer:
            if answer.status == 200:
                return ""
            if answer.status >= 300:
                return str(answer.status)
            offset = int(answer.headers["Upload-Offset"])
        pack = await asyncio.to_thread(_worth_packing, file)
        while True:
            body = await asyncio.to_thread(_step, file, offset, pack)
            headers = {"Upload-Offset": str(offset), **({"Content-Encoding": "zstd"} if pack else {})}
            async with self._http.patch(url, data=body, headers=headers) as answer:
                if answer.status >= 300:
                    return f"{answer.status}: {(await answer.text())[:300]}"
                if answer.headers.get("Blob-Complete") == "1":
                    return ""
                offset = int(answer.headers["Upload-Offset"])


def _packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


def _step(file: Upload, offset: int, pack: bool) -> bytes:
    fd = opened(file.path, file.size_bytes)
    try:
        data = stretch(fd, offset, STEP_BYTES)
    finally:
        os.close(fd)
    return _packed(data) if pack else data


def _worth_packing(file: Upload) -> bool:
    """Asked of a sample from the middle: beginnings are often headers."""
    fd = opened(file.path, file.size_bytes)
    try:
        sample = stretch(fd, max(0, file.size_bytes // 2 - SAMPLE_BYTES), SAMPLE_BYTES)
    finally:
        os.close(fd)
    return len(_packed(sample)) < len(sample) * RATIO_MAX
