"""Taking blobs: whole (PUT), or in steps that can be resumed (HEAD, PATCH)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from domain.errors import Conflict, Refused
from services.artifacts.bodies import Receive, Writer, pour
from services.artifacts.local import LocalStore
from services.artifacts.parts import Part
from services.artifacts.signing import Grant

TAKE_OVER_SECONDS = 2.0
"""So long a request must have been silent before another one may go on with its upload: its client came back."""
REMEMBERED_MAX = 256
SPOILED = ("HASH_MISMATCH", "BLOB_TOO_LARGE")
"""After these, what was stored so far is worth nothing."""


class Uploads:
    """The uploads under way in this process. PATCH requests of the same scope for the same blob share one part."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._writers: dict[Grant, Writer] = {}
        self._parts: OrderedDict[Grant, Part] = OrderedDict()

    async def put(self, grant: Grant, zstd: bool, receive: Receive) -> bool:
        """Take the whole blob from one body; False when it was (or meanwhile came to be) stored already."""
        part: Part | None = None

        def step(piece: bytes, last: bool) -> bool | None:
            nonlocal part
            if part is None:
                if self._store.find(grant.account, grant.sha256) is not None:
                    return False
                part = self._store.own_part(grant, zstd)
            part.write(piece, zstd)
            return self._store.commit(grant, part) if last else None

        try:
            return bool(await pour(receive, self._store.start, step, Writer()))
        except BaseException:
            if part is not None:
                await self._store.run(part.drop)
            raise

    async def offset(self, grant: Grant) -> int | None:
        """How many bytes of its content are stored; None when all are and the blob is complete."""
        if await self._complete(grant):
            return None
        before = self._writers.get(grant)
        if before is not None and not before.brief:
            return self._parts[grant].offset_kept if grant in self._parts else 0
        async with self._writing(grant, brief=True):
            return (await self._part(grant)).offset

    async def patch(self, grant: Grant, offset: int, zstd: bool, receive: Receive) -> int | None:
        """Append a body at `offset`; the offset after it, None when that made the blob complete (or it was).

        Raises Conflict (UPLOAD_OFFSET_MISMATCH, UPLOAD_BUSY) and Invalid.
        """
        async with self._writing(grant) as writer:
            if await self._complete(grant):
                return None
            part = await self._part(grant, packed=zstd)
            if part.offset != offset:
                message = f"The upload stands at {part.offset} bytes, not at {offset}."
                raise Conflict(message, code="UPLOAD_OFFSET_MISMATCH", details={"offset": part.offset})
            try:
                done = await pour(receive, self._store.start, partial(self._append, grant, part, zstd), writer)
            except BaseException as error:
                await self._settle(grant, part, error)
                raise
            if done:
                self._parts.pop(grant, None)
            return None if done else part.offset

    def _append(self, grant: Grant, part: Part, zstd: bool, piece: bytes, last: bool) -> bool | None:
        part.write(piece, zstd)
        if part.whole and (last or grant.size_bytes > 0):
            self._store.commit(grant, part)
            return True
        if last:
            part.close()
        return False if last else None

    async def _complete(self, grant: Grant) -> bool:
        return await self._store.run(lambda: self._store.find(grant.account, grant.sha256)) is not None

    async def _settle(self, grant: Grant, part: Part, error: BaseException) -> None:
        """After a failure keep what can be built upon, and leave nothing behind of the rest."""
        spoiled = isinstance(error, OSError) or (isinstance(error, Refused) and error.code in SPOILED)
        if spoiled:
            self._parts.pop(grant, None)
        await self._store.run(part.drop if spoiled else part.close)

    async def _part(self, grant: Grant, packed: bool | None = None) -> Part:
        """The part of this grant: remembered, or read from the disk again. `packed`: what is to be written to it."""
        known = self._parts.get(grant)
        if known is None or not await self._store.run(partial(known.usable, packed)):
            known = await self._store.run(lambda: self._store.shared_part(grant, packed))
        self._parts[grant] = known
        self._parts.move_to_end(grant)
        if len(self._parts) > REMEMBERED_MAX:
            self._parts.popitem(last=False)
        return known

    @asynccontextmanager
    async def _writing(self, grant: Grant, brief: bool = False) -> AsyncIterator[Writer]:
        """Be the only request that has to do with this part: wait for a brief one, stop one that fell silent.

        Raises Conflict (UPLOAD_BUSY) when another request is bringing a body.
        """
        while (before := self._writers.get(grant)) is not None:
            if not before.brief and before.silent_seconds() < TAKE_OVER_SECONDS:
                raise Conflict("Another request is uploading this blob; ask again soon.", code="UPLOAD_BUSY")
            before.stop()
            await before.ended.wait()
        writer = self._writers[grant] = Writer(brief)
        try:
            yield writer
        finally:
            del self._writers[grant]
            writer.ended.set()
