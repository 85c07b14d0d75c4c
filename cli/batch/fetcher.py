"""The files of one member from the grid, with the patience of a batch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..wire.download import Fetcher, digest_of, outputs
from ..wire.filling import LOCAL
from ..wire.grid import Grid
from ..wire.progress import Progress
from .outage import Once, Outage, Unhurried, passing

MANY_FILES = 16
"""A member with more of them brings its own files abreast."""


class Line:
    """What all fetchers of a batch share: one connection for what they ask, and being stopped together."""

    def __init__(self, grid: Grid, outage: Outage, progress: Progress | None = None) -> None:
        self.api, self.outage, self.progress = Once(grid), outage, progress
        self.asking = threading.Lock()
        self.patience = Unhurried(outage)
        self.own_ones: list[Unhurried] = []

    def own(self) -> Unhurried:
        """Patience of one member alone: a fault of its files stops those only."""
        self.own_ones.append(Unhurried(self.outage))
        return self.own_ones[-1]

    def gone(self, patience: Unhurried) -> None:
        self.own_ones.remove(patience)

    def stop(self) -> None:
        self.patience.stop.set()
        for each in list(self.own_ones):
            each.stop.set()

    @property
    def stopped(self) -> bool:
        return self.patience.stop.is_set()


class MemberFetcher(Fetcher):
    """The files of one member: it waits for a grid that is away as long as the batch is followed."""

    def __init__(self, line: Line, execution: str) -> None:
        super().__init__(line.api, execution)
        self.line, self.asking, self.patience = line, line.asking, line.patience
        self.progress = line.progress
        self.unwritten: dict[Path, CliError] = {}
        """What the disk here does not take under this name; the other files come nevertheless."""

    def one(self, item: dict[str, Any], path: Path) -> None:
        try:
            super().one(item, path)
        except CliError as failed:
            if not is_own(failed):
                raise
            self.unwritten[path] = failed

    def bring(self, wanted: list[tuple[dict[str, Any], Path]]) -> None:
        """A few one after the other, many abreast, where the fault of one stops those of this member only."""
        if len(wanted) <= MANY_FILES:
            for item, path in wanted:
                self.one(item, path)
            return
        self.patience = self.line.own()
        try:
            self.fetch(wanted)
        finally:
            self.line.gone(self.patience)

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


def is_own(failed: CliError) -> bool:
    """Whether one file alone cannot be written (its name, its folder), and not whatever is to come."""
    broken = failed.__cause__
    return isinstance(broken, OSError) and failed.code == "OUTPUT_UNWRITABLE" and broken.errno not in LOCAL


def is_ours(path: Path, known: set[str]) -> bool:
    """Whether `path` is as an earlier attempt's file was brought home: nobody touched it since."""
    return path.is_file() and not path.is_symlink() and digest_of(path).hexdigest() in known
