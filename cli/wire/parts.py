"""A large file straight to the store in parts, several at once; which parts are there already is asked of the grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..errors import CliError
from ..terminal.formats import size
from . import door
from .blob import Blob, changed
from .offer import Parts
from .patience import NETWORK, Patience, Stopped
from .progress import Progress
from .verdict import Verdict, judged, said

AT_ONCE = 4
PIECE_BYTES = 1 << 18
SPOILED_MAX = 2
"""So often a blob may arrive damaged before that is more than chance."""


class InParts:
    """One blob on its way. `ask` says again what lacks; None when nothing does."""

    def __init__(self, blob: Blob, patience: Patience, progress: Progress, ask: Callable[[], Parts | None]) -> None:
        self.blob, self.patience, self.progress, self.ask = blob, patience, progress, ask
        self.known_bytes = 0

    def send(self, given: Parts) -> None:
        """Bring all of it. Raises CliError, Stopped."""
        spoiled, pool = 0, ThreadPoolExecutor(AT_ONCE)
        found: Parts | None = given
        try:
            while found is not None:
                self.progress.known(found.stored_bytes - self.known_bytes)
                self.known_bytes = found.stored_bytes
                if found.urls:
                    self.all_of(found, pool)
                elif self.finished(found):
                    return
                else:
                    spoiled += 1
                    if spoiled > SPOILED_MAX:
                        raise CliError("A file arrives damaged at the store (SHA-256 differs).", code="HASH_MISMATCH")
                found = self.ask()
            self.progress.known(self.blob.size_bytes - self.known_bytes)
        finally:
            pool.shutdown(wait=not self.patience.stop.is_set(), cancel_futures=True)

    def all_of(self, given: Parts, pool: ThreadPoolExecutor) -> None:
        """The parts that have a URL; when a URL is of no use any more, the rest is asked for anew."""
        tasks = [pool.submit(self.one, int(number), url, given.part_bytes) for number, url in given.urls.items()]
        try:
            for task in tasks:
                self.known_bytes += task.result()
        except BaseException:
            self.patience.stop.set()
            raise

    def one(self, number: int, url: str, part_bytes: int) -> int:
        """Bring one part; how many bytes it had, 0 when its URL did not serve."""
        offset = (number - 1) * part_bytes
        length = min(part_bytes, self.blob.size_bytes - offset)
        while True:
            if self.patience.stop.is_set():
                raise Stopped
            sent = _Sent(self.progress)
            try:
                body = self.body(offset, length, sent)
                status, text, headers = door.finished("PUT", url, body, {"Content-Length": str(length)})
            except NETWORK as broken:
                sent.take_back()
                self.patience.wait(broken)
                continue
            if status == 404:
                sent.take_back()
                return 0  # somebody completed or dropped this upload meanwhile
            verdict = judged(self.patience, [self.blob], status, text, headers)
            if verdict is Verdict.STORED:
                return length
            sent.take_back()
            if verdict is Verdict.RENEW:
                return 0

    def body(self, offset: int, length: int, sent: _Sent) -> Iterator[bytes]:
        """The part in pieces; raises UsageProblem when the file changed."""
        for at in range(offset, offset + length, PIECE_BYTES):
            if self.patience.stop.is_set():
                raise Stopped
            piece = self.blob.piece(at, min(PIECE_BYTES, offset + length - at))
            if not piece and self.blob.path:
                raise changed(self.blob.path)
            yield piece
            sent.add(len(piece))

    def finished(self, given: Parts) -> bool:
        """Wait until the grid has verified it; False when it must be sent again."""
        while True:
            if self.patience.stop.is_set():
                raise Stopped
            try:
                status, text, headers = door.finished("POST", given.finish)
            except NETWORK as broken:
                self.patience.wait(broken)
                continue
            if status == 202:
                self.progress.note = f"the grid has verified {size(int(headers.get('blob-verified', '0')))}"
                self.patience.progress()
                continue
            self.progress.note = ""
            if status in (409, 422) and said(text)[1] in ("PARTS_MISSING", "HASH_MISMATCH", "SIZE_MISMATCH"):
                self.blob.still_same()
                self.progress.known(-self.known_bytes)
                self.known_bytes = 0
                return False
            verdict = judged(self.patience, [self.blob], status, text, headers)
            if verdict is not Verdict.AGAIN:
                return verdict is Verdict.STORED


class _Sent:
    """What one try carried over, to be taken back when it failed."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.count = progress, 0

    def add(self, count: int) -> None:
        self.count += count
        self.progress.add(count)

    def take_back(self) -> None:
        self.progress.add(-self.count)
