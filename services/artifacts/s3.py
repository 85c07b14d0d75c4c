"""Artifacts in an S3-compatible store: `<prefix><account>/<first two hex digits>/<sha256>`.

What lies there was verified by us and put there by us: signed URLs serve to read it, and to write parts of multipart
uploads below `<account>/incoming/` (`s3_parts`). Small blobs come through the blob door (`s3_door`).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from domain.errors import NotFound
from services.artifacts import s3_stale as stale
from services.artifacts.s3_client import S3Place
from services.artifacts.s3_objects import Objects, released
from services.artifacts.s3_parts import Parts
from services.artifacts.signing import BUNDLE, Grant, Signer
from services.artifacts.store import DAMAGED_SECONDS, BlobDamaged
from services.runtime.messages import BlobRef, PartsGiven

BLOB = re.compile(r"/[0-9a-f]{2}/[0-9a-f]{64}$")


class S3Store:
    """An ArtifactStore in a bucket."""

    def __init__(self, place: S3Place, signer: Signer) -> None:
        self.signer = signer
        self.objects = Objects(place)
        self.multipart = Parts(self.objects, signer)

    async def missing(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        unique = list({blob.sha256: blob for blob in blobs}.values())
        sizes = await self.objects.each(lambda blob: self.objects.stored_size(account, blob.sha256), unique)
        return [blob for blob, size in zip(unique, sizes, strict=True) if size is None]

    async def of_other_size(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        sizes = await self.objects.each(lambda blob: self.objects.stored_size(account, blob.sha256), blobs)
        return [blob for blob, size in zip(blobs, sizes, strict=True) if size not in (None, blob.size_bytes)]

    def upload_url(self, account: str, sha256: str, size_bytes: int, scope: str) -> str:
        return self.signer.url(Grant("put", account, sha256, size_bytes, scope))

    def bundle_url(self, account: str, size_bytes: int, scope: str) -> str:
        return self.signer.url(Grant("bundle", account, BUNDLE, size_bytes, scope))

    async def parts(self, account: str, blobs: Sequence[BlobRef], scope: str) -> dict[str, PartsGiven]:
        return await self.multipart.offers(account, blobs, scope)

    def pick_url(self, account: str, digest: str, scope: str) -> str:
        return self.signer.url(Grant("pick", account, digest, 0, scope))

    async def small(self, account: str, hashes: Sequence[str], bytes_max: int) -> list[bytes | None]:
        return await self.objects.each(lambda sha256: self.objects.small(account, sha256, bytes_max), hashes)

    def download_url(self, account: str, sha256: str, scope: str) -> str:
        lifetime = timedelta(seconds=self.signer.seconds)
        return self.objects.client.presigned_get_object(
            self.objects.place.bucket, self.objects.key(account, sha256), expires=lifetime
        )

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        answer = await self.objects.run(lambda: self.objects.got(self.objects.key(account, sha256), sha256))
        digest, held = hashlib.sha256(), b""
        try:
            while piece := await self.objects.run(partial(self.objects.read, answer, sha256)):
                if held:
                    yield held
                digest.update(piece)
                held = piece
        finally:
            await self.objects.run(partial(released, answer))
        if digest.hexdigest() != sha256:
            damage = BlobDamaged(
                f"The stored blob {sha256} is damaged: its content has another SHA-256.", details={"sha256": sha256}
            )
            await self.objects.run(partial(self.objects.set_aside, account, sha256, damage))
            raise damage
        if held:
            yield held

    async def size(self, account: str, sha256: str) -> int:
        size = await self.objects.run(lambda: self.objects.stored_size(account, sha256))
        if size is None:
            raise NotFound(f"There is no blob {sha256}.", details={"sha256": sha256})
        return size

    async def delete(self, account: str, sha256: str) -> None:
        await self.objects.run(partial(self.objects.removed, self.objects.key(account, sha256)))

    async def stale(self, seconds: float) -> AsyncIterator[tuple[str, list[str]]]:
        for account in await self.objects.run(lambda: list(stale.accounts(self.objects))):
            after = ""
            while found := await self.objects.run(partial(stale.page, self.objects, account, after)):
                after, old = found[-1][0], [key[-64:] for key, age in found if age > seconds and BLOB.search(key)]
                if old:
                    yield account, old

    async def remove_stale(self, account: str, sha256: str, seconds: float) -> int | None:
        return await self.objects.run(lambda: self.objects.removed_stale(self.objects.key(account, sha256), seconds))

    async def sweep_parts(self, older_than_seconds: float = 24 * 3600, now: float | None = None) -> int:
        """As the protocol has it. `now`: seconds since 1970."""
        today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
        before, damaged = today - timedelta(seconds=older_than_seconds), today - timedelta(seconds=DAMAGED_SECONDS)
        return await self.objects.run(lambda: stale.swept(self.objects, before, damaged))

    def close(self) -> None:
        self.objects.close()
