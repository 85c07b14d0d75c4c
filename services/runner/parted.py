"""Large files straight to the store in parts, several at once; which parts are there already is asked of the control plane."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import aiohttp

from domain.errors import Unavailable
from services.runner.bundles import Upload
from services.runner.parallel import together
from services.runner.plain_file import opened, stretch
from services.runner.urls import Urls
from services.runtime.messages import BlobRef, PartsGiven

PARALLEL = 4
"""Parts in memory at a time, of whatever file."""
TRIES_MAX = 60
PAUSE_SECONDS_MAX = 10.0
VERIFYING = 202
SPOILED = "422"
SPOILED_MAX = 2
"""So often a file may arrive damaged before that is more than chance."""


class Parted:
    """Brings large files in parts; memory is bounded by PARALLEL parts."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._room = asyncio.Semaphore(PARALLEL)

    async def bring(self, files: Sequence[tuple[Upload, PartsGiven]], urls: Urls) -> None:
        """Store all of `files`. Raises StaleLease, Unavailable."""
        waiting = iter(files)

        async def some() -> None:
            for file, given in waiting:
                await self._file(file, given, urls)

        await together(some() for _ in range(min(PARALLEL, len(files))))

    async def _file(self, file: Upload, given: PartsGiven, urls: Urls) -> None:
        """One file; as long as parts come, however many rounds that takes, it is not given up."""
        pause, problem, tries, spoiled = 0.1, "", 0, 0
        while tries < TRIES_MAX and spoiled <= SPOILED_MAX:
            try:
                problem, stored = await self._round(file, given)
                if not problem and not given.urls:
                    return
            except (aiohttp.ClientError, TimeoutError) as error:
                problem, stored = str(error) or type(error).__name__, 0
            if problem:
                spoiled += problem.startswith(SPOILED)
                tries = 0 if stored else tries + 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
            again = await urls.bring([BlobRef(file.sha256, file.size_bytes)])
            if file.sha256 not in again.parts:
                return
            given = again.parts[file.sha256]
        raise Unavailable(f"{file.path.name}: {problem}")

    async def _round(self, file: Upload, given: PartsGiven) -> tuple[str, int]:
        """Bring the parts that have a URL, or end the upload when none is left; (what failed last, parts that came)."""
        if not given.urls:
            return await self._finish(given.finish), 0
        problems: list[str] = []

        async def one(number: int, url: str) -> None:
            async with self._room:
                try:
                    problem = await self._part(file, number, url, given.part_bytes)
                except (aiohttp.ClientError, TimeoutError) as error:
                    problem = str(error) or type(error).__name__
                problems.extend([problem] if problem else [])

        await together(one(int(number), url) for number, url in given.urls.items())
        return problems[-1] if problems else "", len(given.urls) - len(problems)

    async def _part(self, file: Upload, number: int, url: str, part_bytes: int) -> str:
        data = await asyncio.to_thread(_read, file, (number - 1) * part_bytes, part_bytes)
        async with self._http.put(url, data=data) as answer:
            return "" if answer.status < 300 else f"{answer.status}: {(await answer.text())[:300]}"

    async def _finish(self, url: str) -> str:
        """Wait for the verification; nothing when the blob is stored, else why it is not."""
        while True:
            async with self._http.post(url) as answer:
                if answer.status != VERIFYING:
                    return "" if answer.status < 300 else f"{answer.status}: {(await answer.text())[:300]}"


def _read(file: Upload, offset: int, length: int) -> bytes:
    fd = opened(file.path, file.size_bytes)
    try:
        return stretch(fd, offset, length)
    finally:
        os.close(fd)
