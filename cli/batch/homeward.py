"""Results on their way home: several members at a time, verified, into places of their own, never over what differs."""

from __future__ import annotations

import queue
import threading
from typing import Any

from ..errors import CliError
from ..terminal.screen import clean
from ..wire.grid import Grid
from ..wire.patience import Stopped
from ..wire.progress import Progress
from ..wire.standing import unmovable
from .entries import entry
from .fetcher import Line
from .home import Home
from .index import Index
from .landing import Landing
from .outage import Outage

THREADS = 8
WAITING_MAX = 64
"""Members read but not yet at home: beyond that, no more are asked for."""


class Homeward:
    """`take` results as they come; `finish` waits for the last. `flat`, `force`: see `rgrid download --help`."""

    def __init__(
        self,
        grid: Grid,
        index: Index,
        outage: Outage,
        *,
        flat: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.index, self.flat = index, flat
        self.line = Line(grid, outage, progress)
        self.home = Home()
        self.landing = Landing(index, self.line, flat=flat, force=force)
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
            listed, standing, unwritten = self.landing.land(item)
        except CliError as failed:
            if failed.code == "OUTPUT_UNWRITABLE":
                raise
            self._refused(item, failed)
            return
        except OSError as broken:
            text = f"{clean(broken.filename or item['member'])} cannot be read ({broken.strerror})."
            self._refused(item, CliError(text, code="OUTPUT_UNWRITABLE"))
            return
        if unwritten:
            self._refused(item, next(iter(unwritten.values())), listed, standing, list(unwritten))
        else:
            self.index.put(item["index"], entry(item, listed, self.flat, standing))
        blocked = unmovable(self.index.folder, (self.index.folder / each for each in standing))
        with self.lock:
            if standing:
                self.home.stood(int(item["index"]), standing, blocked)
            elif not unwritten:
                self.home.brought[item["index"]] = (item["outputs"]["count"], item["outputs"].get("size_bytes") or 0)

    def _refused(
        self,
        item: dict[str, Any],
        failed: CliError,
        listed: list[dict[str, Any]] | None = None,
        standing: list[str] | None = None,
        unwritten: list[str] | None = None,
    ) -> None:
        """Note why a member is not whole at home; `listed`: what of it is."""
        with self.lock:
            self.home.refuse(int(item["index"]), failed)
        told = entry(item, listed or [], self.flat, standing) | {"problem": failed.message}
        self.index.put(item["index"], told | ({"unwritten": unwritten} if unwritten else {}))
