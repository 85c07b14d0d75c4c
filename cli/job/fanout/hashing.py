"""Hash very many files: big ones several at a time, small ones too where the disk is what is waited for.

Small files that are in memory are hashed faster without threads (2 s instead of 4 s for 100,000), those on a slow disk much
faster with them; so the first few are timed. A cache of hashes would not pay: to look at a file takes half as long.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
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
THREADS = 8
SAMPLE = 256
WAITING = 2.0
"""Who takes so much longer than it computes waits for a disk."""
CHUNK = 64
QUIET_SECONDS = 2.0
PLAIN_SECONDS = 10.0
"""Between two lines where no terminal is."""

Hasher = Callable[[str], Blob | None]


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
    small = [name for name, at in looked.items() if at.st_size <= BIG_BYTES]
    pool = ThreadPoolExecutor(THREADS)
    try:
        started = pool.map(one, big)
        for name, blob in chain(in_turn(small, one, pool), zip(big, started, strict=True)):
            if blob is not None:
                blobs[name] = blob
                tally.add(blob)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if bad:
        raise refused(bad, len(looked))
    return blobs, {name: 0o755 if at.st_mode & stat.S_IXUSR else 0o644 for name, at in looked.items()}


def in_turn(names: list[str], one: Hasher, pool: ThreadPoolExecutor) -> Iterator[tuple[str, Blob | None]]:
    """Each of `names` with what `one` makes of it: the first of them here and, when that was mostly waiting, the rest in
    the threads of `pool`."""
    began, busy = time.perf_counter(), time.thread_time()
    for name in names[:SAMPLE]:
        yield name, one(name)
    rest = names[SAMPLE:]
    worked, took = time.thread_time() - busy, time.perf_counter() - began
    if took < WAITING * worked:
        yield from ((name, one(name)) for name in rest)
        return
    parts = [rest[i : i + CHUNK] for i in range(0, len(rest), CHUNK)]
    for part, found in zip(parts, pool.map(lambda part: [one(name) for name in part], parts), strict=True):
        yield from zip(part, found, strict=True)


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
