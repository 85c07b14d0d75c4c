"""The objects of a bucket, blocking, and the threads to call these methods in."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from minio.commonconfig import REPLACE, CopySource

from domain.errors import NotFound
from services.artifacts.s3_client import CONNECTIONS, S3Place, translated
from services.artifacts.store import BlobDamaged, checked_account, checked_sha256

PIECE_BYTES = 512 * 1024
KNOWN_SECONDS, KNOWN_MAX = 60.0, 100_000
RENEWED_SECONDS = 12 * 3600.0
"""The time of a blob is renewed at most so often: in S3 that is a copy."""
INCOMING, DAMAGED = "incoming", "damaged"
"""The folders of an account beside those of its blobs: what was not verified yet, and what turned out to be damaged."""
BINARY = "application/octet-stream"
T = TypeVar("T")
log = logging.getLogger(__name__)


class Objects:
    """A bucket by the names of blobs. Methods raise NotFound, StoreRefused, Unavailable."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        self.client = place.client()
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="artifacts")
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking `work` in one of the store's threads."""
        return await self.start(work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin blocking `work`; cancelling the future does not stop it."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def each(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """`work(item)` for all items, in several threads; the answers in their order."""
        return list(await asyncio.gather(*(self.start(partial(work, item)) for item in items)))

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    # What follows blocks.

    def key(self, account: str, sha256: str) -> str:
        """The name of the object that is the blob."""
        return f"{self.place.prefix}{checked_account(account)}/{checked_sha256(sha256)[:2]}/{sha256}"

    def stored_size(self, account: str, sha256: str) -> int | None:
        """Bytes of a blob, None when it is not stored; remembered for a minute. Asked for, it is young again."""
        key = self.key(account, sha256)
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            with translated(self.place, sha256):
                found = self.client.stat_object(self.place.bucket, key)
                if age_seconds(found.last_modified) > RENEWED_SECONDS:
                    self._renew(key)
        except NotFound:
            return None
        return self.remember(key, found.size or 0)

    def remember(self, key: str, size_bytes: int) -> int:
        """The blob is stored, as of now."""
        self._known[key] = (time.monotonic() + KNOWN_SECONDS, size_bytes)
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return size_bytes

    def put(self, account: str, sha256: str, content: bytes) -> None:
        """Store verified `content`."""
        key = self.key(account, sha256)
        with translated(self.place, sha256):
            self.client.put_object(self.place.bucket, key, io.BytesIO(content), len(content), BINARY)
        self.remember(key, len(content))

    def put_file(self, account: str, sha256: str, path: Path) -> None:
        """Store a verified file."""
        key = self.key(account, sha256)
        with translated(self.place, sha256):
            self.client.fput_object(self.place.bucket, key, str(path), BINARY)
        self.remember(key, path.stat().st_size)

    def got(self, key: str, sha256: str) -> Any:
        """The answer to a GET of an object, its body unread; `released` it. Raises NotFound, Unavailable."""
        with translated(self.place, sha256):
            return self.client.get_object(self.place.bucket, key)

    def read(self, answer: Any, sha256: str) -> bytes:
        """The next piece of its body."""
        with translated(self.place, sha256):
            return bytes(answer.read(PIECE_BYTES))

    def small(self, account: str, sha256: str, bytes_max: int) -> bytes | None:
        """The verified content of a blob; None when it is not there, damaged, or has more than `bytes_max`."""
        try:
            answer = self.got(self.key(account, sha256), sha256)
        except NotFound:
            return None
        try:
            with translated(self.place, sha256):
                content = bytes(answer.read(bytes_max + 1))
        finally:
            released(answer)
        fits = len(content) <= bytes_max and hashlib.sha256(content).hexdigest() == sha256
        return content if fits else None

    def removed(self, key: str) -> None:
        with translated(self.place):
            self.client.remove_object(self.place.bucket, key)
        self._known.pop(key, None)

    def set_aside(self, account: str, sha256: str, damage: BlobDamaged) -> None:
        """A damaged blob counts as missing; its content is kept for a while (store.DAMAGED_SECONDS)."""
        key = self.key(account, sha256)
        aside = f"{self.place.prefix}{account}/{DAMAGED}/{sha256}"
        log.error("%s It was set aside as %s", damage.message, aside)
        with translated(self.place, sha256):
            self.client.copy_object(self.place.bucket, aside, CopySource(self.place.bucket, key))
        self.removed(key)

    def _renew(self, key: str) -> None:
        """Make it young: the store knows no other way than to copy it onto itself. One that stayed old may be removed any
        moment, so nobody may hear that it is there: raises what the client raises."""
        touched: Any = {"touched": str(int(time.time()))}
        source = CopySource(self.place.bucket, key)
        self.client.copy_object(self.place.bucket, key, source, metadata=touched, metadata_directive=REPLACE)

    def removed_stale(self, key: str, seconds: float) -> int | None:
        """Remove an object that is older; its bytes, None when it is not, or is not there."""
        try:
            with translated(self.place):
                found = self.client.stat_object(self.place.bucket, key)
        except NotFound:
            return None
        if age_seconds(found.last_modified) < seconds:
            return None
        self.removed(key)
        return found.size or 0


def age_seconds(at: datetime | None) -> float:
    """How old something of that time is, by our clock."""
    return (datetime.now(UTC) - at).total_seconds() if at else 0.0


def released(answer: Any) -> None:
    """Give the connection of `got` back; one with much unread is closed instead."""
    answer.close()
    answer.release_conn()
