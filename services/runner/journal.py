"""What this node has taken on, on disk: after a crash the next life of the runner knows what it must answer for.

A file of JSON lines, `held` and `done`, appended. `held` is on disk before the work is acknowledged; a lost `done` does
no harm (the attempt is then reported a second time, and refused as stale).
"""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import orjson

from domain.errors import DamagedHistory

SHRINK_BYTES = 256 * 1024

Key = tuple[str, int]
"""(execution, attempt)"""


class Journal:
    """`open` is what earlier lives left unfinished, by key: the `held` entry of each."""

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
        """Returns when it is on disk; raises OSError when it cannot be put there. Several that come together share one sync."""
        entry = {"op": "held", "account": account, "execution": execution, "attempt": attempt}
        self._append(entry)
        self.open[execution, attempt] = entry
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._syncing is None:
            self._syncing = asyncio.create_task(self._sync())
        try:
            await future
        except OSError:
            self.open.pop((execution, attempt), None)
            raise

    def done(self, execution: str, attempt: int) -> None:
        """It was answered for."""
        if self.open.pop((execution, attempt), None) is not None:
            self._append({"op": "done", "execution": execution, "attempt": attempt})
        if not self.open and os.fstat(self._file).st_size > SHRINK_BYTES:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        os.close(self._file)

    def _append(self, entry: dict[str, Any]) -> None:
        """Whole or not at all: a full disk must not leave half a line in the middle."""
        line, before = orjson.dumps(entry) + b"\n", os.fstat(self._file).st_size
        if os.write(self._file, line) < len(line):
            os.ftruncate(self._file, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

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
        os.write(fd, b"".join(orjson.dumps(entry) + b"\n" for entry in entries.values()))
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)


def _settle(batch: list[asyncio.Future[None]], error: OSError | None) -> None:
    for future in batch:
        if not future.done():
            future.set_result(None) if error is None else future.set_exception(error)


def _read(path: Path) -> dict[Key, dict[str, Any]]:
    """What is open; the last line may be torn by a crash, an earlier one not."""
    found: dict[Key, dict[str, Any]] = {}
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            entry = orjson.loads(line) if line else {}
        except ValueError:
            if number == len(lines):
                break
            raise DamagedHistory(
                f"Line {number} of the runner's journal {path} does not read as what was written."
            ) from None
        if entry.get("op") == "held":
            found[entry["execution"], entry["attempt"]] = entry
        elif entry:
            found.pop((entry["execution"], entry["attempt"]), None)
    return found
