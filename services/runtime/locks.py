"""Locks of environments, read out of the artifact store: what they pin, the last ones kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from domain.environment.lock import LOCK_BYTES_MAX, Packages, packages_of
from domain.errors import Invalid, NotFound
from services.artifacts.store import ArtifactStore, BlobDamaged

KEPT_MAX = 200
Key = tuple[str, str, str]


class Locks:
    """By account, kind and SHA-256."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Packages] = OrderedDict()

    async def packages(self, store: ArtifactStore, account: str, kind: str, sha256: str) -> Packages:
        """What it pins. Raises NotFound, BlobDamaged, Invalid (INVALID_LOCK)."""
        key = (account, kind, sha256)
        if key not in self._kept:
            content = await _read(store, account, sha256)
            self._kept[key] = await asyncio.to_thread(packages_of, kind, content)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    async def readable(self, store: ArtifactStore, account: str, kind: str, sha256: str) -> Packages | None:
        """The same; None for one that is not there any more, or does not read."""
        try:
            return await self.packages(store, account, kind, sha256)
        except (NotFound, BlobDamaged, Invalid):
            return None


async def _read(store: ArtifactStore, account: str, sha256: str) -> bytes:
    """Its content, at most a byte more than a lock may have."""
    content = bytearray()
    async for piece in store.open(account, sha256):
        content += piece
        if len(content) > LOCK_BYTES_MAX:
            break
    return bytes(content)
