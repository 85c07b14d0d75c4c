"""An environment out of the artifact store: what another node made for the same lock, interpreter and platform."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import aiohttp

from domain.errors import RgridError
from services.runner.environments.failures import Unbuildable
from services.runner.environments.tidy import tidy
from services.runner.environments.unpack import BadArchive, unpack
from services.runner.urls import Urls

log = logging.getLogger("rgrid.runner")

TRIES = 3
PIECE_BYTES = 1024**2
PLAIN = {"Accept-Encoding": "identity"}


async def fetched(http: aiohttp.ClientSession, urls: Urls, environment: str, folder: Path, bytes_max: int) -> bool:
    """Fill `folder`, which is new, if the store has it and what it has is whole; else it must be built. Raises OSError."""
    path = folder.with_name(folder.name + ".part")
    try:
        for _ in range(TRIES):
            found = await urls.archive(environment)
            if found is None:
                return False
            sha256, url = found
            try:
                await _get(http, url, path, bytes_max)
                await asyncio.to_thread(_open, path, sha256, folder, bytes_max)
                return True
            except (aiohttp.ClientError, TimeoutError) as error:
                log.info("%s is not fetched yet: %s", environment, error or type(error).__name__)
        return False
    except (BadArchive, RgridError, Unbuildable) as error:
        log.warning("%s cannot be fetched and is built: %s", environment, error)
        return False
    finally:
        path.unlink(missing_ok=True)


def _open(path: Path, sha256: str, folder: Path, bytes_max: int) -> None:
    unpack(path, sha256, folder, bytes_max)
    tidy(folder)


async def _get(http: aiohttp.ClientSession, url: str, path: Path, bytes_max: int) -> None:
    async with http.get(url, headers=PLAIN) as answer:
        answer.raise_for_status()
        had = 0
        with path.open("wb") as file:
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                had += len(piece)
                if had > bytes_max:
                    raise BadArchive(f"it is larger than {bytes_max:,} bytes")
                file.write(piece)
