"""Small files to the store, hundreds in one request: one by one they would cost a request and a sync each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from services.artifacts.bundling import bundles_of, head
from services.runner.parallel import together
from services.runner.plain_file import content
from services.runner.urls import Urls
from services.runtime.messages import BlobRef

PARALLEL = 2
TRIES_MAX = 60
PAUSE_SECONDS_MAX = 10.0
AGAIN = (401, 403, 408, 409, 425, 429)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is to be stored under its hash; it does not change any more."""

    path: Path
    sha256: str
    size_bytes: int


class Bundles:
    """Brings small files in bundles, a few at once."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._room = asyncio.Semaphore(PARALLEL)

    async def bring(self, files: Sequence[Upload], url: str, urls: Urls) -> dict[str, str]:
        """Store `files`; the URLs of those that must be brought alone after all. Raises StaleLease, Unavailable."""
        by_hash = {file.sha256: file for file in files}
        alone: dict[str, str] = {}

        async def one(blobs: list[BlobRef]) -> None:
            async with self._room:
                alone.update(await self._one([by_hash[blob.sha256] for blob in blobs], url, urls))

        cut = bundles_of([BlobRef(file.sha256, file.size_bytes) for file in files])
        await together(one(blobs) for blobs in cut)
        return alone

    async def _one(self, files: list[Upload], url: str, urls: Urls) -> dict[str, str]:
        pause = 0.1
        for _ in range(TRIES_MAX):
            try:
                body = await asyncio.to_thread(_body, files)
                async with self._http.post(url, data=body) as answer:
                    if answer.status < 300:
                        return {}
                    if answer.status < 500 and answer.status not in AGAIN:
                        break
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            again = await urls.bring([BlobRef(file.sha256, file.size_bytes) for file in files])
            if not again.bundles:
                return again.urls
            url, left = again.bundles[0]
            files = [file for file in files if file.sha256 in left]
        return await urls.upload([BlobRef(file.sha256, file.size_bytes) for file in files])


def _body(files: list[Upload]) -> bytes:
    return b"".join(
        part for file in files for part in (head(file.sha256, file.size_bytes), content(file.path, file.size_bytes))
    )
