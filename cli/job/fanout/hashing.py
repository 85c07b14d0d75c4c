"""Hash very many files: small ones here, since a thread would cost more than it gives, big ones several at a time."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from ...errors import UsageProblem
from ...terminal.formats import count, size
from ...terminal.screen import interactive, state
from ...wire.blob import Blob, of_file
from ..script import KINDS
from .items import refused

BIG_BYTES = 1 << 20
THREADS = 4
QUIET_SECONDS = 2.0
PLAIN_SECONDS = 10.0
"""Between two lines where no terminal is."""


class Tally:
    """How far it is, said once it takes long: a line every two seconds on a terminal, now and then elsewhere."""

    def __init__(self, files: int, size_bytes: int) -> None:
        self.files, self.size_bytes = files, size_bytes
        self.done = self.done_bytes = 0
        self.due = time.monotonic() + QUIET_SECONDS

    def add(self, blob: Blob) -> None:
        self.done += 1
        self.done_bytes += blob.size_bytes
        if time.monotonic() > self.due:
            every = QUIET_SECONDS if interactive() else PLAIN_SECONDS
            self.due = time.monotonic() + every
            read = f"{size(self.done_bytes)} of {size(self.size_bytes)}"
            state("busy", "reading", f"{self.done:,} of {count(self.files, 'input')} · {read}")


def hashed(names: Iterable[str]) -> tuple[dict[str, Blob], dict[str, int]]:
    """The blob of each file and its mode (755 or 644). Raises UsageProblem that names all that cannot be read, before
    anything is hashed, and those that change meanwhile."""
    looked, bad = look(names)
    if bad:
        raise refused(bad, len(looked) + len(bad))
    blobs: dict[str, Blob] = {}
    tally = Tally(len(looked), sum(each.st_size for each in looked.values()))

    def one(name: str) -> Blob | None:
        try:
            return of_file(Path(name))
        except UsageProblem as wrong:
            bad[name] = wrong.message
            return None

    big = [name for name, at in looked.items() if at.st_size > BIG_BYTES]
    small = (name for name, at in looked.items() if at.st_size <= BIG_BYTES)
    pool = ThreadPoolExecutor(min(THREADS, len(big) or 1))
    try:
        started = pool.map(one, big)
        for name, blob in chain(((name, one(name)) for name in small), zip(big, started, strict=True)):
            if blob is not None:
                blobs[name] = blob
                tally.add(blob)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if bad:
        raise refused(bad, len(looked))
    return blobs, {name: 0o755 if at.st_mode & stat.S_IXUSR else 0o644 for name, at in looked.items()}


def look(names: Iterable[str]) -> tuple[dict[str, os.stat_result], dict[str, str]]:
    """What the disk says of each, and what is wrong with those that cannot go along."""
    looked: dict[str, os.stat_result] = {}
    bad: dict[str, str] = {}
    for name in names:
        try:
            at = os.stat(name)  # noqa: PTH116 - a hundred thousand of them
            name.encode()
        except UnicodeEncodeError:
            bad[name] = "its name is not UTF-8; rename it"
            continue
        except OSError as broken:
            dead = Path(name).is_symlink()
            bad[name] = "a link to nothing" if dead else (broken.strerror or "cannot be read").lower()
            continue
        kind = next((words for is_kind, words in KINDS if is_kind(at.st_mode)), "")
        if kind or stat.S_ISDIR(at.st_mode):
            bad[name] = f"is {kind or 'a folder'}, not a file"
        elif not os.access(name, os.R_OK):
            bad[name] = "permission denied"
        else:
            looked[name] = at
    return looked, bad
