"""Large blobs straight to S3 in parts, and their way from "it came" to "it is stored".

Nobody but us completes a multipart upload: signed URLs serve to write parts of it, no more. What we complete lies under
`incoming/`, is read back and hashed, and only then copied, as the very version that was read, to where blobs lie.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from minio.commonconfig import CopySource
from minio.datatypes import Part

from domain.errors import Conflict, Invalid, NotFound
from services.artifacts import s3_uploads
from services.artifacts.s3_client import translated
from services.artifacts.s3_objects import BINARY, INCOMING, Objects, released
from services.artifacts.signing import Grant, Signer
from services.artifacts.store import checked_account, checked_sha256
from services.runtime.messages import BlobRef, PartsGiven

PART_BYTES_MIN = 8 * 1024**2
PARTS_MAX = 9000
URLS_AT_ONCE = 64
WAIT_SECONDS = 10.0
MIB = 1024**2


def part_bytes(size_bytes: int) -> int:
    """How long the parts of a blob are (the last may be shorter); always the same for a size, so that it can be resumed."""
    return max(PART_BYTES_MIN, -(-size_bytes // PARTS_MAX // MIB) * MIB)


@dataclass(slots=True)
class _Finishing:
    """The verification of one blob: how many bytes were read, and its task."""

    done_bytes: int = 0
    task: asyncio.Task[None] | None = None


class Parts:
    """Multipart uploads of a store; which there are, and what came of them, is asked of the store itself. Only the
    verifications that are going on now are known here."""

    def __init__(self, objects: Objects, signer: Signer) -> None:
        self._objects, self._signer = objects, signer
        self._finishing: dict[tuple[str, str, int], _Finishing] = {}

    async def offers(self, account: str, blobs: Sequence[BlobRef], scope: str) -> dict[str, PartsGiven]:
        """For each blob the URLs of its next parts; an upload that was begun is gone on with. Raises Unavailable."""
        given = await self._objects.each(lambda blob: self._offer(account, blob, scope), blobs)
        return {blob.sha256: each for blob, each in zip(blobs, given, strict=True)}

    async def finish(self, grant: Grant) -> int | None:
        """None when the blob is stored, else how many bytes were verified so far: ask again.

        Raises Conflict (PARTS_MISSING), Invalid (HASH_MISMATCH, SIZE_MISMATCH: all of it is thrown away), Unavailable.
        """
        key = (grant.account, grant.sha256, grant.size_bytes)
        state = self._finishing.get(key)
        if state is None:
            if await self._objects.run(lambda: self._objects.stored_size(grant.account, grant.sha256)) is not None:
                return None
            state = self._finishing.setdefault(key, _Finishing())
            if state.task is None:
                state.task = asyncio.create_task(self._finish(grant, state))
                state.task.add_done_callback(partial(self._ended, key))
        assert state.task is not None
        done, _ = await asyncio.wait({state.task}, timeout=WAIT_SECONDS)
        if not done:
            return state.done_bytes
        await state.task
        return None

    async def _finish(self, grant: Grant, state: _Finishing) -> None:
        await self._objects.run(lambda: self._verify(grant, state))

    def _ended(self, key: tuple[str, str, int], task: asyncio.Task[None]) -> None:
        """Those who wait have the task. Whoever asks later is answered by the store: what was found about one upload says
        nothing about the next one of the same blob."""
        self._finishing.pop(key, None)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    # What follows blocks.

    def _offer(self, account: str, blob: BlobRef, scope: str) -> PartsGiven:
        key, length = self._incoming(account, blob.sha256, blob.size_bytes), part_bytes(blob.size_bytes)
        finish = self._signer.url(Grant("finish", account, blob.sha256, blob.size_bytes, scope))
        if self._arrived(key):
            return PartsGiven(length, {}, blob.size_bytes, finish)
        with translated(self._objects.place, blob.sha256):
            upload = self._upload(key) or self._objects.client._create_multipart_upload(
                self._objects.place.bucket, key, {"Content-Type": BINARY}
            )
            there = self._parts(key, upload)
        lifetime = timedelta(seconds=self._signer.seconds)
        wanted = {
            number: size for number, size in _sizes(blob.size_bytes).items() if there.get(number, ("", -1))[1] != size
        }
        urls = {
            str(number): self._objects.client.get_presigned_url(
                "PUT",
                self._objects.place.bucket,
                key,
                expires=lifetime,
                extra_query_params={"partNumber": str(number), "uploadId": upload},
            )
            for number in list(wanted)[:URLS_AT_ONCE]
        }
        return PartsGiven(length, urls, blob.size_bytes - sum(wanted.values()), finish)

    def _verify(self, grant: Grant, state: _Finishing) -> None:
        objects, key = self._objects, self._incoming(grant.account, grant.sha256, grant.size_bytes)
        if not self._arrived(key):
            self._complete(grant, key)
        answer = objects.got(key, grant.sha256)
        try:
            tag = str(answer.headers.get("etag", "")).strip('"')
            digest = hashlib.sha256()
            while piece := objects.read(answer, grant.sha256):
                digest.update(piece)
                state.done_bytes += len(piece)
        finally:
            released(answer)
        try:
            _check(grant, state.done_bytes, digest.hexdigest())
        except Invalid:
            objects.removed(key)
            raise
        with translated(objects.place, grant.sha256):
            target = objects.key(grant.account, grant.sha256)
            objects.client.copy_object(
                objects.place.bucket, target, CopySource(objects.place.bucket, key, match_etag=tag)
            )
        objects.removed(key)
        objects.remember(target, grant.size_bytes)

    def _complete(self, grant: Grant, key: str) -> None:
        """Make one object of the parts; raises Conflict (PARTS_MISSING)."""
        objects = self._objects
        with translated(objects.place, grant.sha256):
            upload = self._upload(key)
            there = self._parts(key, upload) if upload else {}
        lacking = [
            number for number, size in _sizes(grant.size_bytes).items() if there.get(number, ("", -1))[1] != size
        ]
        if not upload or lacking:
            message = f"{len(lacking)} parts of it are not there yet."
            raise Conflict(message, code="PARTS_MISSING", details={"count": len(lacking), "parts": lacking[:100]})
        parts: Any = [Part(number, there[number][0]) for number in sorted(_sizes(grant.size_bytes))]
        with translated(objects.place, grant.sha256):
            objects.client._complete_multipart_upload(objects.place.bucket, key, upload, parts)

    def _upload(self, key: str) -> str:
        """The id of the upload to `key` that was begun last; empty when there is none."""
        found = s3_uploads.under_way(self._objects, key)
        own = sorted((each.initiated_time, each.upload_id) for each in found if each.object_name == key)
        return str(own[-1][1]) if own else ""

    def _parts(self, key: str, upload: str) -> dict[int, tuple[str, int]]:
        """(ETag, bytes) of the parts that are there, by number."""
        there = s3_uploads.parts(self._objects, key, upload)
        return {part.part_number: (part.etag, part.size or 0) for part in there}

    def _arrived(self, key: str) -> bool:
        """It was completed before, and waits for its verification."""
        try:
            with translated(self._objects.place):
                self._objects.client.stat_object(self._objects.place.bucket, key)
        except NotFound:
            return False
        return True

    def _incoming(self, account: str, sha256: str, size_bytes: int) -> str:
        return (
            f"{self._objects.place.prefix}{checked_account(account)}/{INCOMING}/{checked_sha256(sha256)}.{size_bytes}"
        )


def _sizes(size_bytes: int) -> dict[int, int]:
    """Bytes by number of all parts; an empty blob is one empty part."""
    length = part_bytes(size_bytes)
    count = max(1, -(-size_bytes // length))
    return {number: min(length, size_bytes - (number - 1) * length) for number in range(1, count + 1)}


def _check(grant: Grant, got_bytes: int, sha256: str) -> None:
    if got_bytes != grant.size_bytes:
        message = f"{got_bytes} of {grant.size_bytes} bytes came."
        raise Invalid(message, code="SIZE_MISMATCH", details={"got": got_bytes, "expected": grant.size_bytes})
    if sha256 != grant.sha256:
        message = "What came is not what was announced: its SHA-256 is another."
        raise Invalid(message, code="HASH_MISMATCH", details={"got": sha256, "expected": grant.sha256})
