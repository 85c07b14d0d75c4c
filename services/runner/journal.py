"""What this node has taken on, on disk: after a crash the next life of the runner knows what it must answer for.

A file of JSON lines, `held` and `done`, appended. `held` is on disk before the work is acknowledged; a lost `done` does
no harm (the attempt is then reported a second time, and refused as stale). A full disk may tear a line anywhere: what
follows it begins anew, and is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Any

import orjson

from domain.errors import DamagedHistory

log = logging.getLogger("rgrid.runner")

SHRINK_BYTES = 256 * 1024
BEGIN = b'{"op":'

Key = tuple[str, int]
"""(execution, attempt)"""


class Journal:
    """`open` is what is on disk as held and not done, by key: the `held` entry of each."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.open: dict[Key, dict[str, Any]] = _read(path)
        _rewrite(path, self.open)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._waiting: list[asyncio.Future[None]] = []
        self._syncing: asyncio.Task[None] | None = None

    def __contains__(self, key: Key) -> bool:
        return key in self.open

    async def hold(self, account: str, execution: str, attempt: int) -> None:
        """Returns when it is on disk; raises OSError when it could not be written. Several that come together share a sync."""
        entry = {"op": "held", "account": account, "execution": execution, "attempt": attempt}
        self._append(entry)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        await future
        self.open[execution, attempt] = entry

    def done(self, execution: str, attempt: int) -> None:
        """It was answered for."""
        try:
            if self.open.pop((execution, attempt), None) is not None:
                self._append({"op": "done", "execution": execution, "attempt": attempt})
            if not self.open and self._syncing is None and os.fstat(self._file).st_size > SHRINK_BYTES:
                os.ftruncate(self._file, 0)
        except OSError as error:
            log.warning("the journal cannot be written, the next life will answer for %s again: %s", execution, error)

    def close(self) -> None:
        os.close(self._file)

    def _append(self, entry: dict[str, Any]) -> None:
        size = os.fstat(self._file).st_size
        try:
            _write(self._file, orjson.dumps(entry) + b"\n")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    async def _sync(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(None, os.fdatasync, self._file)
            except OSError as error:
                _settle(batch, error)
            else:
                _settle(batch, None)
        self._syncing = None


def _rewrite(path: Path, entries: dict[Key, dict[str, Any]]) -> None:
    """Begin a life with nothing but what is open."""
    new = path.with_suffix(".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write(fd, b"".join(orjson.dumps(entry) + b"\n" for entry in entries.values()))
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)


def _settle(batch: list[asyncio.Future[None]], error: OSError | None) -> None:
    for future in batch:
        if not future.done():
            future.set_result(None) if error is None else future.set_exception(error)


def _write(fd: int, data: bytes) -> None:
    """All of it: a disk that is nearly full takes a part, and says so only the next time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _read(path: Path) -> dict[Key, dict[str, Any]]:
    """What is open; raises DamagedHistory for a line that holds nothing of what was written."""
    found: dict[Key, dict[str, Any]] = {}
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None and number < len(lines):
            raise DamagedHistory(f"Line {number} of the runner's journal {path} does not read as what was written.")
        if not entry:
            continue
        if entry.get("op") == "held":
            found[entry["execution"], entry["attempt"]] = entry
        else:
            found.pop((entry["execution"], entry["attempt"]), None)
    return found


def _entry(line: bytes) -> dict[str, Any] | None:
    """The entry of a line, without the torn one that it may be glued to; None when there is none in it."""
    for begin in (0, line.rfind(BEGIN)):
        with contextlib.suppress(ValueError):
            found: dict[str, Any] = orjson.loads(line[begin:]) if line else {}
            return found
    return None
