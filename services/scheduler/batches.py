"""The batches of the board, by their ref: those that have not finished, and a few that have."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from domain.batch.events import BatchRetried
from services.runtime.log import Recorded, Ref
from services.scheduler.entry import Entry, Group
from services.scheduler.watched import Watched

FINISHED_MAX = 1000
"""Of the batches that have finished so many are kept: one of their members may go again by itself."""


class Batches:
    def __init__(self) -> None:
        self.known: dict[Ref, Watched] = {}
        self.touched: set[Ref] = set()
        """Those of which something changed since somebody last looked (and took them out)."""

    def apply(self, recorded: Recorded) -> bool:
        """Fold one commit. False: its history must be loaded first."""
        ref, commit = recorded.commit.ref, recorded.commit
        watched = self.known.get(ref)
        if commit.damage or commit.unknown:
            self.damage(ref)
            return True
        if watched is None:
            if recorded.previous != 0:
                return not any(isinstance(event, BatchRetried) for event in commit.events)
            watched = self.known[ref] = Watched(ref)
        elif watched.damaged or recorded.position <= watched.position:
            return True
        elif recorded.previous != watched.position:
            return False
        watched.apply(recorded)
        self.touched.add(ref)
        return True

    def put(self, watched: Watched) -> None:
        """Take a batch that was loaded; what is known of its members' ends stays known."""
        before = self.known.get(watched.ref)
        if before is not None:
            watched.complete = watched.complete or before.complete
            for id, status in before.ended.items():
                watched.end(id, status, before.position if id in before.failed else 0)
        self.known[watched.ref] = watched
        self.touched.add(watched.ref)

    def damage(self, ref: Ref) -> None:
        """Its history cannot be read: nothing is decided about it, and none of it starts."""
        self.known[ref] = Watched(ref, damaged=True)

    def fill(self, ref: Ref, rows: Iterable[tuple[str, str, int]], is_open: Callable[[str], bool]) -> None:
        """How members ended (id, status, position of the end) before this board followed them; what it saw itself, and
        who is open on it, counts more."""
        watched = self.known.get(ref)
        if watched is None:
            return
        for id, status, position in rows:
            if id not in watched.ended and not is_open(id):
                watched.end(id, status, position)
        watched.complete = True
        self.touched.add(ref)

    def note(self, entry: Entry) -> None:
        """What became of a member."""
        watched = self.of(entry.group)
        if watched is None:
            return
        if entry.state.open:
            watched.reopen(entry.ref.id)
        else:
            watched.end(entry.ref.id, entry.state.status, entry.position)
        self.touched.add(watched.ref)

    def limited(self, entry: Entry) -> bool:
        """Whether only so many of its batch may run at the same time."""
        watched = self.of(entry.group)
        return watched is not None and watched.state.parallel > 0

    def trim(self, open: Iterable[Entry]) -> None:
        """Forget batches that have finished, once they are many, but for those with a member among `open`."""
        finished = [ref for ref, each in self.known.items() if each.state.phase == "finished"]
        if len(finished) > FINISHED_MAX:
            needed = {batch_ref(entry.group) for entry in open if entry.group.batch_id}
            for ref in finished:
                if ref not in needed:
                    del self.known[ref]

    def of(self, group: Group) -> Watched | None:
        """The batch that a group is; None when it is none, or one that is not known (yet)."""
        return self.known.get(batch_ref(group)) if group.batch_id else None


def batch_ref(group: Group) -> Ref:
    return Ref(group.account, "batch", group.batch_id)
