"""Gets an attempt's files onto the node and into its working folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from domain.execution.job import Job
from domain.files import FileRef
from services.runner import manifest
from services.runner.download import Damaged
from services.runner.node import Node
from services.runner.stage import Print, stage
from services.runner.urls import Urls
from services.runtime.messages import BlobRef

INLINE_BYTES_MAX = 256 * 1024
INLINE_FILES_MAX = 8
"""Less than this is copied on the spot: a thread would cost more than it spares."""


async def prepare(node: Node, job: Job, urls: Urls, folder: Path) -> dict[str, Print]:
    """The prints of the staged files. Raises Unfit, Damaged, OSError, Unavailable, StaleLease."""
    held: list[str] = []
    try:
        inputs = job.inputs.entries
        if job.inputs.manifest is not None:
            inputs = await _manifest(node, job.inputs.manifest, urls, held)
        files = (*inputs, job.script)
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


async def _manifest(node: Node, sha256: str, urls: Urls, held: list[str]) -> tuple[FileRef, ...]:
    node.cache.hold(sha256)
    held.append(sha256)
    await node.downloads.fetch([BlobRef(sha256, 0)], urls)
    try:
        return await asyncio.to_thread(_decoded, node.cache.path(sha256))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"the list of its inputs cannot be read: {error}") from error


def _decoded(path: Path) -> tuple[FileRef, ...]:
    return manifest.decode(path.read_bytes())
