"""Brings home what an attempt produced: its outputs and its log go to the artifact store, before anyone hears of the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from domain.files import ENTRIES_INLINE_MAX, FileRef, FileSet, file_set
from services.runner import manifest
from services.runner.bundles import Upload
from services.runner.collect import Collected, collect
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.stage import Print
from services.runner.urls import Urls

INLINE_ENTRIES_MAX = 8


async def outputs(work: Path, staged: Mapping[str, Print], bytes_max: int) -> Collected:
    """What the script left, hashed, up to `bytes_max`; in a thread only when there is anything to hash."""
    if untouched(work, staged):
        return Collected()
    return await asyncio.to_thread(collect, work, staged, bytes_max)


def untouched(work: Path, staged: Mapping[str, Print]) -> bool:
    """The folder holds exactly what was staged, unchanged: known at a glance for small flat folders."""
    if len(staged) > INLINE_ENTRIES_MAX or any("/" in path for path in staged):
        return False
    with os.scandir(work) as entries:
        found = [entry.name for entry in islice(entries, INLINE_ENTRIES_MAX + 1)]
    return len(found) == len(staged) and all(
        name in staged and Print.of((work / name).lstat()) == staged[name] for name in found
    )


async def store(node: Node, urls: Urls, work: Path, found: Collected, spool: Spool) -> tuple[FileSet, str | None]:
    """Upload outputs, their manifest and the log; the set of outputs and the hash of the log archive."""
    files = tuple(found.files)
    uploads = [Upload(work / file.path, file.sha256, file.size_bytes) for file in files]
    listing = None
    if len(files) > ENTRIES_INLINE_MAX:
        listing = await asyncio.to_thread(_listing, work.parent / "outputs.json", files)
        uploads.append(listing)
    archive = None
    if spool.chunks:
        archive = await asyncio.to_thread(_existing, spool.path)
        uploads.append(archive)
    await node.uploads.store(uploads, urls)
    return file_set(files, listing.sha256 if listing else None), archive.sha256 if archive else None


def _listing(path: Path, files: tuple[FileRef, ...]) -> Upload:
    data = manifest.encode(files)
    path.write_bytes(data)
    return Upload(path, hashlib.sha256(data).hexdigest(), len(data))


def _existing(path: Path) -> Upload:
    with path.open("rb") as file:
        return Upload(path, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
