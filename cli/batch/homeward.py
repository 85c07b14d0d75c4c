"""Results on their way home: several members at a time, verified, into places of their own, never over what differs."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..terminal.screen import clean
from ..wire.download import inside, is_same
from ..wire.grid import Grid
from ..wire.patience import Stopped
from .entries import entry
from .fetcher import Line, MemberFetcher, is_ours
from .home import Home
from .index import Index
from .journal import Journal
from .outage import Outage
from .places import place

THREADS = 8
WAITING_MAX = 64
"""Members read but not yet at home: beyond that, no more are asked for."""
LISTED_MAX = 1000
"""Files of one member that the index lists; it counts them all."""


class Homeward:
    """`take` results as they come; `finish` waits for the last. `flat`, `force`: see `rgrid download --help`."""

    def __init__(self, grid: Grid, index: Index, outage: Outage, *, flat: bool = False, force: bool = False) -> None:
        self.index, self.flat, self.force = index, flat, force
        self.line = Line(grid, outage)
        self.home = Home()
        self.journal = Journal(index.folder, index.batch)
        self.lock = threading.Lock()
        self.queue: queue.Queue[dict[str, Any]] = queue.Queue(WAITING_MAX)
        self.busy: dict[int, dict[str, Any] | None] = {}
        self.threads: list[threading.Thread] = []

    def take(self, item: dict[str, Any]) -> None:
        """One result; waits while too many are on their way. Raises what has stopped all of them."""
        if not (item.get("outputs") or {}).get("count"):
            self.index.put(item["index"], entry(item, [], self.flat))
            return
        if len(self.threads) < THREADS and self.queue.qsize() >= len(self.threads) // 2:
            self.threads.append(threading.Thread(target=self._work, name="rgrid-homeward", daemon=True))
            self.threads[-1].start()
        while True:
            self._check()
            try:
                self.queue.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    def pending(self) -> int:
        """Members on their way."""
        return self.queue.unfinished_tasks

    def leave(self) -> None:
        """Stop where we are; what has arrived of a file is kept for the next time."""
        self.line.stop()

    def _check(self) -> None:
        if self.line.stopped:
            raise self.home.problem or Stopped()

    def _work(self) -> None:
        while True:
            item = self.queue.get()
            try:
                self._members(item)
            except Stopped:
                pass
            except Exception as bug:
                with self.lock:
                    self.home.problem = bug if isinstance(bug, CliError) else CliError(f"{type(bug).__name__}: {bug}")
                self.line.stop()
            finally:
                self.queue.task_done()

    def _members(self, item: dict[str, Any]) -> None:
        """One member, and again while a newer result of the same one came meanwhile."""
        position = int(item["index"])
        with self.lock:
            if position in self.busy:
                self.busy[position] = item
                return
            self.busy[position] = None
        following: dict[str, Any] | None = item
        while following and not self.line.stopped:
            self._member(following)
            with self.lock:
                following = self.busy[position]
                self.busy[position] = None
                if following is None:
                    del self.busy[position]

    def _member(self, item: dict[str, Any]) -> None:
        """Bring one member home; a fault that is its own is noted and the others go on."""
        try:
            listed, standing = self._files(item)
        except CliError as failed:
            if failed.code == "OUTPUT_UNWRITABLE":
                raise
            self._refused(item, failed)
            return
        except OSError as broken:
            text = f"{clean(broken.filename or item['member'])} cannot be read ({broken.strerror})."
            self._refused(item, CliError(text, code="OUTPUT_UNWRITABLE"))
            return
        self.index.put(item["index"], entry(item, listed, self.flat, standing))
        with self.lock:
            if not standing:
                self.home.brought[item["index"]] = (item["outputs"]["count"], item["outputs"].get("size_bytes") or 0)
            self.home.standing_count += len(standing)
            self.home.standing += standing[: max(0, 3 - len(self.home.standing))]

    def _refused(self, item: dict[str, Any], failed: CliError) -> None:
        with self.lock:
            self.home.refused += 1
            self.home.problem = self.home.problem or failed
        self.index.put(item["index"], {**entry(item, [], self.flat), "problem": failed.message})

    def announce(self, coming: dict[str, str]) -> None:
        """SHA-256 by place of what is written next; whoever cannot note it, cannot write it either."""
        try:
            with self.lock:
                self.journal.announce(coming)
        except OSError as broken:
            raise CliError(
                f"{clean(self.journal.path)} cannot be written ({broken.strerror}).",
                f"Make room, or take another folder: rgrid download {self.index.batch} -o other",
                code="OUTPUT_UNWRITABLE",
            ) from None

    def _files(self, item: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        """Fetch what is not there yet; what the index lists of it, and the places where something else stands."""
        fetcher = MemberFetcher(self.line, item["id"])
        recorded: dict[str, str] | None = None
        listed: list[dict[str, Any]] = []
        standing, wanted, coming = [], [], {}
        for each in fetcher.listing() if item["outputs"].get("entries") is None else item["outputs"]["entries"]:
            at = place(item["member"], each["path"], flat=self.flat)
            path = inside(self.index.folder, at)
            there = os.path.lexists(path)
            if there and not is_same(path, each):
                recorded = self.index.recorded(item["index"]) if recorded is None else recorded
                known = {recorded.get(at, "")} | self.journal.earlier.get(at, set())
                if not self.force and not is_ours(path, known):
                    standing.append(at)
                    continue
                there = False
            if not there:
                if not has_room(path.parent):
                    standing.append(at)
                    continue
                wanted.append((each, path))
                coming[at] = each["sha256"]
            if len(listed) < LISTED_MAX:
                listed.append({name: each[name] for name in ("path", "size_bytes", "sha256")} | {"file": at})
        if coming:
            self.announce(coming)
        fetcher.bring(wanted)
        return listed, standing


def has_room(folder: Path) -> bool:
    """Whether `folder` is there now; False when a file stands where it, or one above it, belongs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError:
        return True  # whoever writes the file says what is wrong
    return True
