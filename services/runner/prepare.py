"""Gets an attempt's files onto the node and into its working folder."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path

from domain.execution.job import Job
from domain.files import FileRef, FileSet
from services.runner import manifest
from services.runner.download import Damaged
from services.runner.node import Node
from services.runner.stage import Print, stage
from services.runner.urls import Urls
from services.runtime.messages import BlobRef

INLINE_BYTES_MAX = 256 * 1024
INLINE_FILES_MAX = 8
"""Less than this is copied on the spot: a thread would cost more than it spares."""
LISTS_KEPT = 2
"""Lists of files that are kept as read: the members of a batch share one."""


async def prepare(node: Node, job: Job, urls: Urls, folder: Path) -> dict[str, Print]:
    """The prints of the staged files. Raises Unfit, Damaged, OSError, Unavailable, StaleLease.

    What the members of its batch have in common lies beside what is its own.
    """
    held: list[str] = []
    try:
        shared = await _entries(node, job.shared, urls, held)
        inputs = await _entries(node, job.inputs, urls, held)
        files = (*shared, *inputs, job.script)
        await _fetch(node, files, urls, held)
        if len(files) <= INLINE_FILES_MAX and sum(file.size_bytes for file in files) <= INLINE_BYTES_MAX:
            return stage(folder, files, node.cache, node.owned_by_box)
        return await asyncio.to_thread(stage, folder, files, node.cache, node.owned_by_box)
    finally:
        for sha256 in held:
            node.cache.release(sha256)


async def _fetch(node: Node, files: tuple[FileRef, ...], urls: Urls, held: list[str]) -> None:
    blobs = {file.sha256: BlobRef(file.sha256, file.size_bytes) for file in files}
    for sha256 in blobs:
        node.cache.hold(sha256)
        held.append(sha256)
    await node.downloads.fetch(tuple(blobs.values()), urls)


async def _entries(node: Node, files: FileSet, urls: Urls, held: list[str]) -> tuple[FileRef, ...]:
    """The files of a set, out of its manifest where it has one."""
    if files.manifest is None:
        return files.entries
    node.cache.hold(files.manifest)
    held.append(files.manifest)
    await node.downloads.fetch([BlobRef(files.manifest, 0)], urls)
    try:
        return await asyncio.to_thread(_decoded, node.cache.path(files.manifest))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"the list of its inputs cannot be read: {error}") from error


@lru_cache(LISTS_KEPT)
def _decoded(path: Path) -> tuple[FileRef, ...]:
    """A path names its content, so what was read once stays true."""
    return manifest.decode(path.read_bytes())
