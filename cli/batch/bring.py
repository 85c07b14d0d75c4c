"""All that brings the results of one batch home: who reads them, who fetches them, and the index."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..terminal.formats import count
from ..terminal.outcome import FAILURES
from ..terminal.screen import clean, detail, failure, warn
from ..wire.arrival import shown
from ..wire.patience import Stopped
from ..wire.progress import Progress
from ..wire.standing import way_out
from ..wire.transport import Api
from .alone import Alone
from .counts import ended_count
from .entries import entry
from .homeward import Homeward
from .index import Index
from .outage import Once, Outage
from .results import Results
from .words import at_home


class Bringing:
    """`start`, then `wake` with every news; over when `done`. `only_failed`, `flat`, `force`: as in `rgrid download`."""

    def __init__(
        self,
        api: Api,
        doc: dict[str, Any],
        folder: Path,
        outage: Outage,
        *,
        only_failed: bool = False,
        flat: bool = False,
        force: bool = False,
        inputs: Iterable[tuple[str, str]] = (),
        progress: Progress | None = None,
    ) -> None:
        self.batch, self.folder, self.only_failed, self.flat = str(doc["id"]), folder, only_failed, flat
        self.index = Index(folder, self.batch)
        self.inputs = inputs
        self.homeward = Homeward(api.grid, self.index, outage, flat=flat, force=force, progress=progress)
        self.results = Results(Once(api.grid), self.batch, self.take, self.index.price, outage)
        self.alone = Alone(folder, self.batch)
        self.problem: CliError | None = None
        self.progress = progress
        self.last = False
        """Nothing more happens to the batch that we would wait for."""

    def start(self, doc: dict[str, Any], *, last: bool) -> bool:
        """False when another process does it already, which was said. `last`: nothing more happens to the batch.

        The index goes first: a folder that takes nothing is then told as such, and no result is asked for in vain.
        """
        if not self.alone.taken():
            warn(f"another command brings these results into {shown(self.folder)} already; this one only watches")
            return False
        self.last = last
        self.index.open(self.inputs)
        self.write(doc)
        if not self.problem:
            self.homeward.landing.journal.open()
            self.results.start()
        return True

    def take(self, item: dict[str, Any]) -> None:
        """A result: home with it, or only into the index."""
        if not self.only_failed or item["status"] in FAILURES:
            if self.only_failed and self.progress:
                self.progress.expect(int((item.get("outputs") or {}).get("size_bytes") or 0))
            self.homeward.take(item)
        elif not self.index.has(item):
            self.index.put(item["index"], entry(item, [], self.flat))

    def wake(self, *, ended: bool) -> None:
        """There is news of the batch: read on."""
        if ended:
            self.last = True
            self.results.finish.set()
        self.results.wake.set()

    def write(self, doc: dict[str, Any], *, last: bool = False) -> None:
        """Write the index when it is time. A folder that cannot be written to ends the bringing home, not the batch."""
        if self.problem:
            return
        try:
            whole = last and self.whole(doc)
            self.index.write(doc, complete=whole, now=last)
        except CliError as failed:
            self.stopped(failed)

    def whole(self, doc: dict[str, Any]) -> bool:
        """Whether every member has ended and everything of it is where the index says."""
        home = self.homeward.home
        missing = home.standing_count or home.refused or home.problem or self.only_failed
        return not missing and ended_count(doc) == len(self.index.lines) == int(doc.get("count") or 0)

    def stopped(self, failed: CliError) -> None:
        """Nothing more comes home; said at once while there may be hours to go, else once, at the end."""
        self.problem = failed
        self.leave()
        if not self.last:
            failure(failed.message, failed.hint, "The batch goes on; its results stay on the grid.")

    def done(self) -> bool:
        """Whether all that was to come is here, or nothing more will come."""
        if self.results.is_alive() and not self.results.leaving.is_set():
            return False
        failed = self.results.problem
        if failed and not self.problem and not isinstance(failed, Stopped):
            if not isinstance(failed, CliError):
                raise failed
            self.stopped(failed)
        return self.homeward.pending() == 0 or self.problem is not None

    def leave(self) -> None:
        """Stop where we are; the next time goes on from here."""
        self.results.leave()
        self.homeward.leave()

    def release(self) -> None:
        """The last thing: others may bring these results home now."""
        settled = self.homeward.pending() == 0 and not self.results.is_alive() and self.problem is None
        self.homeward.landing.journal.close(remove=settled)
        self.alone.release()

    def so_far(self) -> str:
        """`1,940 members, 1,940 files, 12 MB in ./outputs`; empty when there is nothing yet."""
        total = self.homeward.home.total()
        return f"{at_home(*total)} in {shown(self.folder)}" if total[0] else ""

    def tell(self, *, quiet: bool = False) -> CliError | None:
        """Where everything is; what did not come home, as the error it is."""
        home = self.homeward.home
        total = home.total()
        if total[0] and not quiet:
            detail("outputs", f"{shown(self.folder)} · {at_home(*total)}")
        if not self.problem and not quiet:
            detail("index", shown(self.index.path))
        if self.problem:
            return self.problem
        if home.standing:
            return self.standing(home.standing[1])
        if home.refused:
            others, failed = home.refused_count - 1, home.refused[1]
            also = f" And so it is with {count(others, 'member')} more." if others else ""
            return CliError(failed.message + also, failed.hint, code=failed.code)
        return home.problem

    def standing(self, path: str) -> CliError:
        """Files that stand in the way, `path` first: they are kept, and so are those on the grid."""
        home = self.homeward.home
        first, more = clean(path), home.standing_count - 1
        blocked = home.blocked[1] if home.blocked else ""
        said = f"{clean(self.folder / first)}{f' and {more:,} more' if more else ''} existed and differ"
        if blocked:
            said = blocked + (f"; {more:,} more existed and differ" if more else "")
        hint = way_out(f"rgrid download {self.batch}", self.folder, movable=not blocked)
        return CliError(
            f"{said}; nothing was overwritten.", f"The new ones are on the grid. {hint}", code="OUTPUT_EXISTS"
        )
