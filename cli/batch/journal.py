"""Which files we are about to write: one line before each member, so that after kill -9 ours are told from a person's.

The index is written now and then; what came home since is known from here. It is gone when the index says it all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO


class Journal:
    """Beside the index. `announce` may come from any thread: a line is one write."""

    def __init__(self, folder: Path, batch: str) -> None:
        self.path = folder / f".{batch}.coming"
        self.earlier: dict[str, set[str]] = {}
        """SHA-256 by place of what earlier processes were about to write."""
        self.file: IO[bytes] | None = None

    def open(self) -> None:
        """Read what is left of an earlier process; a line that was cut off is the last one."""
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            for place, sha256 in found.items():
                self.earlier.setdefault(place, set()).add(sha256)

    def announce(self, files: dict[str, str]) -> None:
        """SHA-256 by place of what is written next. Raises OSError."""
        if self.file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab", buffering=0)
        self.file.write(b"\n" + json.dumps(files).encode() + b"\n")

    def close(self, *, remove: bool) -> None:
        """`remove`: the index has all of it."""
        if self.file is not None:
            self.file.close()
            self.file = None
        if remove:
            self.path.unlink(missing_ok=True)
