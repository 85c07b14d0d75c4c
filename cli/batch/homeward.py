"""Results on their way home: several members at a time, verified, into places of their own, never over what differs."""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..wire.download import Fetcher, inside, is_same, outputs
from ..wire.grid import Grid
from ..wire.patience import Stopped
from ..wire.transport import Api
from .index import Index
from .outage import Outage, Unhurried, passing
from .places import folder_of, place

THREADS = 8
WAITING_MAX = 64
"""Members read but not yet at home: beyond that, no more are asked for."""
MANY_FILES = 16
"""A member with more of them brings its own files abreast."""
LISTED_MAX = 1000
"""Files of one member that the index lists; it counts them all."""


@dataclass(slots=True)
class Home:
    """What is at home so far, and what is not and why."""

    brought: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes by member."""
    standing: list[str] = field(default_factory=list)
    """The first few files that were there before and differ."""
    standing_count: int = 0
    refused: int = 0
    problem: CliError | None = None
    """The first thing that went wrong with a member."""

    def total(self) -> tuple[int, int, int]:
        """Members, files and bytes at home."""
        all_of_them = list(self.brought.values())
        return len(all_of_them), sum(files for files, _ in all_of_them), sum(size for _, size in all_of_them)


class Homeward:
    """`take` results as they come; `finish` waits for the last. `flat`, `force`: see `rgrid download --help`."""

    def __init__(self, grid: Grid, index: Index, outage: Outage, *, flat: bool = False, force: bool = False) -> None:
        self.grid, self.index, self.flat, self.force = grid, index, flat, force
        self.outage, self.patience = outage, Unhurried(outage)
        self.abreast: list[Unhurried] = []
        self.home = Home()
        self.lock, self.asking = threading.Lock(), threading.Lock()
        self.queue: queue.Queue[dict[str, Any]] = queue.Queue(WAITING_MAX)
        self.busy: dict[int, dict[str, Any] | None] = {}
        self.threads: list[threading.Thread] = []
        self.api = Api(grid)

    def take(self, item: dict[str, Any]) -> None:
        """One result; waits while too many are on their way. Raises what has stopped all of them."""
        if not (item.get("outputs") or {}).get("count"):
            self.index.put(item["index"], entry(item, [], self.flat))
            return None
        if len(self.threads) < THREADS and self.queue.qsize() >= len(self.threads) // 2:
            self.threads.append(threading.Thread(target=self._work, name="rgrid-homeward", daemon=True))
            self.threads[-1].start()
        while True:
            self._check()
            try:
                return self.queue.put(item, timeout=0.5)
            except queue.Full:
                continue

    def pending(self) -> int:
        """Members on their way."""
        return self.queue.unfinished_tasks

    def leave(self) -> None:
        """Stop where we are; what has arrived of a file is kept for the next time."""
        self.patience.stop.set()
        for each in self.abreast:
            each.stop.set()

    def _check(self) -> None:
        if self.patience.stop.is_set():
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
                self.patience.stop.set()
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
        while following and not self.patience.stop.is_set():
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
            with self.lock:
                self.home.refused += 1
                self.home.problem = self.home.problem or failed
            self.index.put(item["index"], {**entry(item, [], self.flat), "problem": failed.message})
            return
        self.index.put(item["index"], entry(item, listed, self.flat, standing))
        with self.lock:
            if not standing:
                self.home.brought[item["index"]] = (item["outputs"]["count"], item["outputs"].get("size_bytes") or 0)
            self.home.standing_count += len(standing)
            self.home.standing += standing[: max(0, 3 - len(self.home.standing))]

    def _files(self, item: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
        """Fetch what is not there yet; what the index lists of it, and the places where something else stands."""
        fetcher = MemberFetcher(self, item["id"])
        recorded: dict[str, str] | None = None
        listed, standing, wanted = [], [], []
        for each in fetcher.listing() if item["outputs"].get("entries") is None else item["outputs"]["entries"]:
            at = place(item["member"], each["path"], flat=self.flat)
            path = inside(self.index.folder, at)
            if os.path.lexists(path) and not is_same(path, each):
                recorded = self.index.recorded(item["index"]) if recorded is None else recorded
                if not self.force and not is_ours(path, recorded.get(at)):
                    standing.append(at)
                    continue
                wanted.append((each, path))
            elif not os.path.lexists(path):
                wanted.append((each, path))
            if len(listed) < LISTED_MAX:
                listed.append({name: each[name] for name in ("path", "size_bytes", "sha256")} | {"file": at})
        fetcher.bring(wanted)
        return listed, standing


class MemberFetcher(Fetcher):
    """The files of one member: it waits for a grid that is away as long as the batch is followed."""

    def __init__(self, homeward: Homeward, execution: str) -> None:
        super().__init__(homeward.api, execution)
        self.homeward, self.asking, self.patience = homeward, homeward.asking, homeward.patience

    def bring(self, wanted: list[tuple[dict[str, Any], Path]]) -> None:
        """A few one after the other, many abreast, where the fault of one stops those of this member only."""
        if len(wanted) <= MANY_FILES:
            for item, path in wanted:
                self.one(item, path)
            return
        self.patience = Unhurried(self.homeward.outage)
        self.homeward.abreast.append(self.patience)
        try:
            self.fetch(wanted)
        finally:
            self.homeward.abreast.remove(self.patience)

    def listing(self) -> list[dict[str, Any]]:
        """All files of the execution, each with a fresh URL."""
        while True:
            try:
                with self.asking:
                    return list(outputs(self.api, self.execution))
            except CliError as failed:
                if not (cause := passing(failed)):
                    raise
                self.patience.wait(cause)

    def renewed(self, name: str) -> str:
        """A fresh URL for `name`."""
        return str({item["path"]: item["url"] for item in self.listing()}[name])


def is_ours(path: Path, recorded: str | None) -> bool:
    """Whether `path` is as an earlier attempt's file was brought home: nobody touched it since."""
    return recorded is not None and is_same(path, {"sha256": recorded, "size_bytes": path.lstat().st_size})


def entry(
    item: dict[str, Any], listed: list[dict[str, Any]], flat: bool, standing: list[str] | None = None
) -> dict[str, Any]:
    """A result as the index tells it. `folder` is relative to that of the index; null when nothing came home."""
    found, reason = item.get("outputs") or {}, item.get("reason") or {}
    told: dict[str, Any] = {
        "index": item["index"],
        "name": item["member"],
        "execution": item["id"],
        "status": item["status"],
        "exit_code": item.get("exit_code"),
        "attempt": item.get("attempt"),
        "duration_ms": item.get("duration_ms"),
        "cost_micros": item.get("cost_micros"),
        "outputs": listed,
        "outputs_count": found.get("count") or 0,
        "folder": None if not listed else "." if flat else folder_of(item["member"]),
    }
    if item["status"] != "succeeded":
        told["reason"] = {"code": reason.get("code"), "message": reason.get("message")}
        told["error_line"] = item.get("error_line")
    if item.get("reused_from"):
        told["reused_from"] = item["reused_from"]
    if standing:
        told["standing"] = standing
    return told
