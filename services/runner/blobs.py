"""The node's cache of blobs by hash: verified once when they come in, given to every attempt that wants a copy."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

CACHE_BYTES_MAX = 8 * 1024**3
PART = ".part"


class BlobCache:
    """Least recently used blobs go first when it grows beyond `bytes_max`; those that are held stay."""

    def __init__(self, folder: Path, bytes_max: int = CACHE_BYTES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._bytes_max = folder, bytes_max
        self._held: dict[str, int] = {}
        found = sorted((entry.stat().st_mtime, entry) for entry in os.scandir(folder) if entry.is_file())
        self._sizes = OrderedDict((e.name, e.stat().st_size) for _, e in found if not e.name.endswith(PART))
        self._total = sum(self._sizes.values())

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._sizes

    def path(self, sha256: str) -> Path:
        """Where the blob lies; being asked for keeps it young."""
        self._sizes.move_to_end(sha256)
        return self._folder / sha256

    def part(self, sha256: str) -> Path:
        """Where a blob is written until it is complete and verified."""
        return self._folder / (sha256 + PART)

    def add(self, sha256: str) -> None:
        """Take the verified part in."""
        part = self.part(sha256)
        size = part.stat().st_size
        part.replace(self._folder / sha256)
        self._sizes[sha256] = size
        self._total += size
        self._shrink()

    def hold(self, sha256: str) -> None:
        """Keep it, whatever comes in; until `release`."""
        self._held[sha256] = self._held.get(sha256, 0) + 1

    def release(self, sha256: str) -> None:
        self._held[sha256] -= 1
        if not self._held[sha256]:
            del self._held[sha256]

    def forget(self, sha256: str) -> None:
        """It turned out to be damaged, or its file is gone."""
        self._total -= self._sizes.pop(sha256, 0)
        (self._folder / sha256).unlink(missing_ok=True)

    def forget_vanished(self) -> None:
        """Somebody cleaned up behind our back: what is gone is fetched again when it is wanted."""
        there = set(os.listdir(self._folder))  # noqa: PTH208 (names, not paths)
        for sha256 in [each for each in list(self._sizes) if each not in there]:
            self.forget(sha256)

    def _shrink(self) -> None:
        if self._total <= self._bytes_max:
            return
        for sha256 in [each for each in self._sizes if each not in self._held]:
            if self._total <= self._bytes_max:
                return
            self.forget(sha256)
