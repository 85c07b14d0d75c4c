"""Lists of more files than an event carries, which are blobs: read within bounds, parsed beside the event loop, kept a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import orjson

from domain.errors import Invalid
from domain.files import MANIFEST_BYTES_MAX
from services.artifacts.store import ArtifactStore

KEPT_BYTES_MAX = 2 * MANIFEST_BYTES_MAX
AT_ONCE = 2
"""So many are parsed at a time: each may take hundreds of megabytes for a moment."""
Entries = list[dict[str, Any]]


class Manifests:
    """The manifests that were asked for last, parsed: whoever pages through outputs asks for one again and again."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], tuple[int, Entries]] = OrderedDict()
        self._kept_bytes = 0
        self.room = asyncio.Semaphore(AT_ONCE)

    async def entries(self, account: str, sha256: str) -> Entries:
        """The entries of a manifest that we stored ourselves. Raises NotFound, Invalid (too large)."""
        key = (account, sha256)
        if key not in self._kept:
            async with self.room:
                if key not in self._kept:
                    content = await read_manifest(self._store, account, sha256)
                    self._keep(key, len(content), await asyncio.to_thread(orjson.loads, content))
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def _keep(self, key: tuple[str, str], size_bytes: int, entries: Entries) -> None:
        self._kept[key] = (size_bytes, entries)
        self._kept_bytes += size_bytes
        while self._kept_bytes > KEPT_BYTES_MAX:
            self._kept_bytes -= self._kept.popitem(last=False)[1][0]


async def read_manifest(store: ArtifactStore, account: str, sha256: str) -> bytes:
    """The content of a manifest blob; raises Invalid when it is too large, NotFound."""
    content = bytearray()
    async for piece in store.open(account, sha256):
        content += piece
        if len(content) > MANIFEST_BYTES_MAX:
            raise Invalid(f"A manifest of more than {MANIFEST_BYTES_MAX} bytes", details={"manifest": sha256})
    return bytes(content)
