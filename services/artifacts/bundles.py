"""Taking bundles: hundreds of small blobs in one request, each verified, all on the disk before any is acknowledged."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import Invalid
from services.artifacts import aside
from services.artifacts.bodies import Receive, Writer, pour
from services.artifacts.bundling import Unbundler
from services.artifacts.local import LocalStore
from services.artifacts.signing import Grant

if TYPE_CHECKING:
    from services.artifacts.s3_objects import Objects


async def take(store: LocalStore, grant: Grant, receive: Receive) -> int:
    """Store the blobs of one body; how many they were. Raises Invalid (HASH_MISMATCH, ...), ClientGone, OSError.

    All or none: what came before a blob that is wrong is not stored either.
    """
    arriving = _Arriving(store, grant)

    def step(piece: bytes, last: bool) -> bool | None:
        arriving.feed(piece)
        if not last:
            return None
        arriving.finish()
        return True

    try:
        await pour(receive, store.start, step, Writer())
    except BaseException:
        await store.run(arriving.drop)
        raise
    return arriving.count


async def take_into(store: Objects, grant: Grant, receive: Receive) -> None:
    """The same for S3: held in memory (a bundle has its bounds), verified, then put there, several at once."""
    unbundler, found, size = Unbundler(), dict[str, bytes](), 0

    def step(piece: bytes, last: bool) -> bool | None:
        nonlocal size
        size += len(piece)
        bounded(grant, size)
        found.update(unbundler.feed(piece))
        return True if last else None

    await pour(receive, store.start, step, Writer())
    whole(unbundler)

    def one(blob: tuple[str, bytes]) -> None:
        if store.stored_size(grant.account, blob[0]) is None:
            store.put(grant.account, *blob)

    await store.each(one, list(found.items()))


def bounded(grant: Grant, size_bytes: int) -> None:
    """Raises Invalid (BLOB_TOO_LARGE)."""
    if size_bytes > grant.size_bytes:
        message = f"A bundle has at most {grant.size_bytes} bytes."
        raise Invalid(message, code="BLOB_TOO_LARGE", details={"expected": grant.size_bytes})


def whole(unbundler: Unbundler) -> None:
    """Raises Invalid (SIZE_MISMATCH)."""
    if not unbundler.between_blobs:
        raise Invalid("The bundle ends in the middle of a blob.", code="SIZE_MISMATCH")


class _Arriving:
    """The blobs of one bundle on their way to the disk; its methods block."""

    def __init__(self, store: LocalStore, grant: Grant) -> None:
        self._store, self._grant = store, grant
        self._unbundler = Unbundler()
        self._written: dict[str, Path] = {}
        self._bytes = 0
        self.count = 0

    def feed(self, data: bytes) -> None:
        self._bytes += len(data)
        bounded(self._grant, self._bytes)
        for sha256, content in self._unbundler.feed(data):
            self.count += 1
            if sha256 not in self._written and self._store.find(self._grant.account, sha256) is None:
                self._written[sha256] = aside.written(self._store, self._grant.account, sha256, content)

    def finish(self) -> None:
        whole(self._unbundler)
        aside.adopt(self._store, self._grant.account, self._written)

    def drop(self) -> None:
        for path in self._written.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
