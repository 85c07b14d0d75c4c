"""Artifacts in a folder: `<account>/<first two hex digits>/<sha256>`, or `<sha256>.zst` when they came compressed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from domain.errors import NotFound
from services.artifacts import reading, stale
from services.artifacts.disk import sync
from services.artifacts.parts import PACKED_SUFFIX, Part, resumed
from services.artifacts.signing import BUNDLE, Grant, Signer
from services.artifacts.store import DAMAGED_SECONDS, BlobDamaged, checked_account, checked_sha256
from services.runtime.messages import BlobRef, PartsGiven

THREADS = 8
PART_SECONDS_MAX = 24 * 3600
PARTS, DAMAGED = "parts", ".damaged"
T = TypeVar("T")
log = logging.getLogger(__name__)


class LocalStore:
    """An ArtifactStore in a folder. Its URLs lead to the blob door (`services.artifacts.door`) of the gateway."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder = folder
        self.signer = signer
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="artifacts")
        self._folders: set[Path] = set()

    async def missing(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        unique = list({blob.sha256: blob for blob in blobs}.values())
        return await self.run(lambda: [blob for blob in unique if self.find(account, blob.sha256) is None])

    async def of_other_size(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        """Asked beside `missing`: a size that is not so would stand in every listing and sum."""

        def differs(blob: BlobRef) -> bool:
            stored = self.find(account, blob.sha256)
            return stored is not None and stored.size_bytes != blob.size_bytes

        return await self.run(lambda: [blob for blob in blobs if differs(blob)])

    def upload_url(self, account: str, sha256: str, size_bytes: int, scope: str) -> str:
        return self.signer.url(Grant("put", account, sha256, size_bytes, scope))

    def bundle_url(self, account: str, size_bytes: int, scope: str) -> str:
        return self.signer.url(Grant("bundle", account, BUNDLE, size_bytes, scope))

    async def parts(self, account: str, blobs: Sequence[BlobRef], scope: str) -> dict[str, PartsGiven]:
        return {}

    def pick_url(self, account: str, digest: str, scope: str) -> str:
        return self.signer.url(Grant("pick", account, digest, 0, scope))

    async def small(self, account: str, hashes: Sequence[str], bytes_max: int) -> list[bytes | None]:
        return await self.run(lambda: [self._small(account, sha256, bytes_max) for sha256 in hashes])

    def download_url(self, account: str, sha256: str, scope: str) -> str:
        return self.signer.url(Grant("get", account, sha256, 0, scope))

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = reading.content(await self.run(lambda: self.found(account, sha256)))
        try:
            while piece := await self.run(lambda: next(pieces, b"")):
                yield piece
        except BlobDamaged as error:
            await self.run(partial(self.set_aside, account, sha256, error))
            raise

    async def size(self, account: str, sha256: str) -> int:
        return (await self.run(lambda: self.found(account, sha256))).size_bytes

    async def delete(self, account: str, sha256: str) -> None:
        for path in (self.path_of(account, sha256), _packed(self.path_of(account, sha256))):
            await self.run(partial(path.unlink, missing_ok=True))

    async def stale(self, seconds: float) -> AsyncIterator[tuple[str, list[str]]]:
        before = time.time() - seconds
        for folder in await self.run(lambda: list(stale.folders(self.folder))):
            found = await self.run(partial(stale.stale, folder, before))
            if found:
                yield folder.parent.name, found

    async def remove_stale(self, account: str, sha256: str, seconds: float) -> int | None:
        path, before = self.path_of(account, sha256), time.time() - seconds
        sizes = [await self.run(partial(stale.removed, known, before)) for known in (path, _packed(path))]
        return max((size for size in sizes if size is not None), default=None)

    async def sweep_parts(self, older_than_seconds: float = PART_SECONDS_MAX, now: float | None = None) -> int:
        """As the protocol has it. `now`: seconds since 1970."""
        today = time.time() if now is None else now

        def sweep() -> int:
            parts = stale.swept(self.folder.glob(f"*/{PARTS}/*"), today - older_than_seconds)
            return parts + stale.swept(self.folder.glob(f"*/??/*{DAMAGED}"), today - DAMAGED_SECONDS)

        return await self.run(sweep)

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking `work` in one of the store's threads."""
        return await self.start(work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin blocking `work` in one of the store's threads; cancelling the future does not stop it."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    # What follows blocks, for the door and the methods above to call in threads.

    def find(self, account: str, sha256: str) -> reading.Blob | None:
        """The stored blob, None when there is none. That it was asked for keeps it (services.artifacts.stale)."""
        path = self.path_of(account, sha256)
        try:
            blob = reading.plain_blob(path, sha256) or reading.packed_blob(_packed(path), sha256)
        except BlobDamaged as damage:
            self.set_aside(account, sha256, damage)
            return None
        there = blob is not None and stale.renewed(blob.path, blob.renewed_at, time.time())
        return blob if there else None

    def found(self, account: str, sha256: str) -> reading.Blob:
        """The stored blob; raises NotFound."""
        blob = self.find(account, sha256)
        if blob is None:
            raise NotFound(f"There is no blob {sha256}.", details={"sha256": sha256})
        return blob

    def own_part(self, grant: Grant, packed: bool) -> Part:
        """A new part that one request alone writes to."""
        path = self.parts_folder(grant.account) / f"{grant.sha256}.{secrets.token_hex(8)}"
        return Part(_packed(path) if packed else path, grant.size_bytes)

    def shared_part(self, grant: Grant, packed: bool | None) -> Part:
        """The part that the uploads of this scope append to, as it is on the disk; `packed` says what a new one will be."""
        scope = hashlib.sha256(grant.scope.encode()).hexdigest()[:16]
        path = self.parts_folder(grant.account) / f"{grant.sha256}.{grant.size_bytes}.{scope}"
        for known in (path, _packed(path)):
            if known.exists() and (part := resumed(known, grant.size_bytes)).usable(packed):
                return part
            known.unlink(missing_ok=True)
        return Part(_packed(path) if packed else path, grant.size_bytes)

    def commit(self, grant: Grant, part: Part) -> bool:
        """Make a complete part the blob; False when somebody else's was there first. Raises Invalid, OSError."""
        part.seal(grant.sha256)
        if self.find(grant.account, grant.sha256) is not None:
            part.drop()
            return False
        path = self.path_of(grant.account, grant.sha256)
        self._make(path.parent)
        part.path.rename(_packed(path) if part.packed else path)
        sync(path.parent)
        return True

    def set_aside(self, account: str, sha256: str, damage: BlobDamaged) -> None:
        """Move a damaged blob out of the way, so that it counts as missing and can be uploaded again."""
        path = self.path_of(account, sha256)
        log.error("%s It was set aside as %s%s", damage.message, path, DAMAGED)
        for known in (path, _packed(path)):
            if known.exists():
                aside = known.rename(path.with_name(sha256 + DAMAGED))
                os.utime(aside)  # as old as its being set aside (sweep_parts)

    def _small(self, account: str, sha256: str, bytes_max: int) -> bytes | None:
        blob = self.find(account, sha256)
        if blob is None or blob.size_bytes > bytes_max:
            return None
        try:
            return b"".join(reading.content(blob))
        except BlobDamaged as damage:
            self.set_aside(account, sha256, damage)
        except FileNotFoundError:
            pass
        return None

    def path_of(self, account: str, sha256: str) -> Path:
        return self.folder / checked_account(account) / checked_sha256(sha256)[:2] / sha256

    def parts_folder(self, account: str) -> Path:
        folder = self.folder / checked_account(account) / PARTS
        self._make(folder)
        return folder

    def _make(self, folder: Path) -> None:
        """Make `folder` and see that it outlives a power cut."""
        if folder in self._folders:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for parent in (folder.parent, folder.parent.parent):
            sync(parent)
        self._folders.add(folder)


def _packed(path: Path) -> Path:
    return path.with_name(path.name + PACKED_SUFFIX)
