"""The files of one member, put where they belong: over nothing, or over what an earlier attempt of it wrote."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..terminal.screen import clean
from ..wire.download import inside, is_same
from .fetcher import Line, MemberFetcher, is_ours
from .index import Index
from .journal import Journal
from .places import place

LISTED_MAX = 1000
"""Files of one member that the index lists; it counts them all."""


class Landing:
    """`land` may be called from several threads, for different members."""

    def __init__(self, index: Index, line: Line, *, flat: bool, force: bool) -> None:
        self.index, self.line, self.flat, self.force = index, line, flat, force
        self.journal = Journal(index.folder, index.batch)
        self.lock = threading.Lock()

    def land(self, item: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str], dict[str, CliError]]:
        """Fetch what is not there yet; what the index lists of it, the places where something else stands, and those
        that cannot be written, with why."""
        fetcher = MemberFetcher(self.line, item["id"])
        recorded = self.index.recorded(item["index"])
        listed: list[dict[str, Any]] = []
        standing, wanted, coming, places = [], [], {}, {}
        for each in fetcher.listing() if item["outputs"].get("entries") is None else item["outputs"]["entries"]:
            at = place(item["member"], each["path"], flat=self.flat)
            path = inside(self.index.folder, at)
            if not (os.path.lexists(path) and is_same(path, each)):
                if not self.is_free(path, {recorded.get(at, "")} | self.journal.earlier.get(at, set())):
                    standing.append(at)
                    continue
                wanted.append((each, path))
                places[path] = at
                coming[at] = each["sha256"]
            if len(listed) < LISTED_MAX:
                listed.append({name: each[name] for name in ("path", "size_bytes", "sha256")} | {"file": at})
        if coming:
            self.announce(coming)
        if fetcher.progress:
            whole = int(item["outputs"].get("size_bytes") or 0)
            fetcher.progress.known(whole - sum(each["size_bytes"] for each, _ in wanted))
        fetcher.bring(wanted)
        unwritten = {places[path]: failed for path, failed in fetcher.unwritten.items()}
        return [each for each in listed if each["file"] not in unwritten], standing, unwritten

    def is_free(self, path: Path, known: set[str]) -> bool:
        """Whether a file may be put there: over nothing but one of ours (by SHA-256), unless it is forced."""
        if os.path.lexists(path) and not self.force and not is_ours(path, known):
            return False
        return has_room(path.parent)

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


def has_room(folder: Path) -> bool:
    """Whether `folder` is there now; False when a file stands where it, or one above it, belongs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError:
        return True  # whoever writes the file says what is wrong
    return True
