"""One file on its way here: from where it broke off, or, straight from an S3 store, several stretches of it at once.

Which stretches are there stands in a file beside it, so that a download goes on also after the program was killed.
"""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import CliError
from ..terminal.screen import clean
from . import door
from .abreast import abreast
from .patience import NETWORK, Stopped
from .verdict import is_page, page, seconds

if TYPE_CHECKING:
    from .download import Fetcher

PIECE_BYTES = 1 << 18
STRETCH_BYTES = 16 << 20
STRETCHES_AT_ONCE = 4
STRAIGHT = "X-Amz-Signature="
"""In URLs of an S3 store, which finds any byte at once; the blob door unpacks what it stores packed from its beginning."""
LOCAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
"""Faults of the disk here; they never are the network's."""


@dataclass(slots=True)
class Stretch:
    """Bytes from `at` to before `stop`; `at` moves as they come."""

    at: int
    stop: int


class Filling:
    """The part file of one output."""

    def __init__(self, fetcher: Fetcher, item: dict[str, Any], part: Path) -> None:
        self.fetcher, self.item, self.part = fetcher, item, part
        self.patience = fetcher.patience
        self.url = item["url"]
        self.size_bytes = int(item["size_bytes"])
        self.lock = threading.Lock()

    def fill(self) -> None:
        """Until all its bytes are there. Raises CliError, OSError (of the disk here), Stopped."""
        if STRAIGHT in self.url and self.size_bytes > STRETCH_BYTES:
            self.stretches()
            return
        ledger_of(self.part).unlink(missing_ok=True)
        if (have := self.part.stat().st_size) > self.size_bytes:
            os.truncate(self.part, have := 0)
        self.known(have)
        self.bring(Stretch(have, self.size_bytes))

    def forget(self) -> None:
        """What came is damaged: begin anew."""
        os.truncate(self.part, 0)
        ledger_of(self.part).unlink(missing_ok=True)
        self.known(-self.size_bytes)

    def stretches(self) -> None:
        """Several at once; each is written down when it is there."""
        ledger = ledger_of(self.part)
        done = {int(line) for line in ledger.read_text().split()} if ledger.exists() else set()
        if self.part.stat().st_size != self.size_bytes:
            done = set()
        if not done:
            ledger.write_text("")
            os.truncate(self.part, 0)
            os.truncate(self.part, self.size_bytes)
        all_of_it = [
            Stretch(at, min(at + STRETCH_BYTES, self.size_bytes)) for at in range(0, self.size_bytes, STRETCH_BYTES)
        ]
        self.known(sum(each.stop - each.at for each in all_of_it if each.at in done))
        work = [(each, ledger) for each in all_of_it if each.at not in done]
        abreast(self.noted, work, STRETCHES_AT_ONCE, self.patience)
        ledger.unlink(missing_ok=True)

    def noted(self, stretch: Stretch, ledger: Path) -> None:
        began = stretch.at
        self.bring(stretch)
        with self.lock, ledger.open("a") as lines:
            lines.write(f"{began}\n")

    def bring(self, stretch: Stretch) -> None:
        """All of it, however often the network breaks."""
        url = self.url
        while stretch.at < stretch.stop:
            if self.patience.stop.is_set():
                raise Stopped
            before = stretch.at
            try:
                status, note, pause = self.get(url, stretch)
            except NETWORK as broken:
                if getattr(broken, "filename", None) or getattr(broken, "errno", None) in LOCAL:
                    raise
                if stretch.at > before:
                    self.patience.progress()
                self.patience.wait(broken)
                continue
            if status in (401, 403, 410):
                self.patience.wait("a signed URL expired")
                url = self.fetcher.renewed(self.item["path"])
            else:
                self.judged(status, note, pause, moved=stretch.at > before)

    def judged(self, status: int, note: str, pause: float, *, moved: bool) -> None:
        """Wait where that is due. Raises CliError when nothing will come of it."""
        if status >= 300 and status < 500 and status not in (408, 416, 425, 429):
            name = clean(self.item["path"])
            raise CliError(f"The grid does not hand out {name} ({note or f'HTTP {status}'}).", code="OUTPUT_GONE")
        if status >= 300 or not moved:
            self.patience.wait(note or (f"HTTP {status}" if status >= 300 else "the connection broke"), pause)
        else:
            self.patience.progress()

    def get(self, url: str, stretch: Stretch) -> tuple[int, str, float]:
        """One GET from where it stands: the status, what else there is to say, Retry-After."""
        whole = stretch.at == 0 and stretch.stop == self.size_bytes
        last = "" if stretch.stop == self.size_bytes else str(stretch.stop - 1)
        answer = door.exchange("GET", url, headers={} if whole else {"Range": f"bytes={stretch.at}-{last}"})
        headers = {name.lower(): value for name, value in answer.headers.items()}
        try:
            if answer.status >= 300 or is_page(headers):
                answer.read()
                return answer.status, page(answer.status) if is_page(headers) else "", seconds(headers)
            skip = 0 if answer.status == 206 else stretch.at  # whoever does not know ranges gives all of it
            with self.part.open("r+b") as sink:
                sink.seek(stretch.at)
                self.write(answer, sink, stretch, skip)
            if not answer.isclosed() or answer.length:
                door.forget(url)
        except BaseException:
            door.forget(url)
            raise
        return answer.status, "", 0.0

    def write(self, answer: HTTPResponse, sink: BinaryIO, stretch: Stretch, skip: int) -> None:
        while stretch.at < stretch.stop and (piece := answer.read(PIECE_BYTES)):
            if self.patience.stop.is_set():
                raise Stopped
            piece, skip = piece[skip:], max(0, skip - len(piece))
            piece = piece[: stretch.stop - stretch.at]
            sink.write(piece)
            stretch.at += len(piece)
            if self.fetcher.progress is not None:
                self.fetcher.progress.add(len(piece))

    def known(self, count: int) -> None:
        if self.fetcher.progress is not None:
            self.fetcher.progress.known(count)


def ledger_of(part: Path) -> Path:
    """Where it stands which stretches of `part` are there."""
    return part.with_name(part.name + "s")
