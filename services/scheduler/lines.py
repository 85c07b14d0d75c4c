"""Those that wait, in lines of their like: one look at a line's shape answers for all in it, however many they are."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from domain.execution.events import Reason
from services.runtime.log import Ref
from services.scheduler.entry import Entry, Group


class Line(NamedTuple):
    """What executions that wait have in common: whose they are, how urgent, what they need, and what they were told.

    Members of a batch are told nothing each; the batch is.
    """

    group: Group
    priority: int
    runtime: str
    cpu_millis: int
    memory_bytes: int
    told: Reason | None


def line_of(entry: Entry) -> Line:
    """The line that it stands in once it is due."""
    limits, group = entry.limits, entry.group
    told = None if group.batch_id else entry.state.delay
    return Line(group, entry.state.priority, entry.job.runtime, limits.cpu_millis, limits.memory_bytes, told)


class Lines:
    """`standing`: the lines. `later`: those whose next attempt is not due yet, who keep their place in a line when `fixed`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.standing: dict[Line, OrderedDict[Ref, Entry]] = {}
        self.later: dict[Ref, Entry] = {}
        self._due: list[tuple[float, int, Ref]] = []
        self._clock = clock

    def add(self, entry: Entry, fixed: bool) -> None:
        """It waits, behind all of its like."""
        not_due = entry.due > self._clock()
        if not_due:
            self.later[entry.ref] = entry
            heapq.heappush(self._due, (entry.due, entry.queued, entry.ref))
        if fixed or not not_due:
            self._stand(entry)

    def replace(self, before: Entry, entry: Entry) -> bool:
        """Put what is new of one that waits in its place; False when that is another line."""
        line = line_of(before)
        if line_of(entry) != line:
            return False
        if entry.ref in self.later:
            self.later[entry.ref] = entry
        if entry.ref in self.standing.get(line, ()):
            self.standing[line][entry.ref] = entry
        return True

    def remove(self, entry: Entry) -> None:
        """It does not wait any more."""
        self.later.pop(entry.ref, None)
        line = line_of(entry)
        standing = self.standing.get(line)
        if standing is not None:
            standing.pop(entry.ref, None)
            if not standing:
                del self.standing[line]

    def wake(self) -> float | None:
        """Let those stand in line whose time has come; returns the seconds until the next one's (None: nobody waits for it)."""
        while self._due:
            due, _, ref = self._due[0]
            entry = self.later.get(ref)
            if entry is not None and entry.due == due:
                if due > self._clock():
                    return due - self._clock()
                del self.later[ref]
                self._stand(entry)
            heapq.heappop(self._due)
        return None

    def _stand(self, entry: Entry) -> None:
        self.standing.setdefault(line_of(entry), OrderedDict()).setdefault(entry.ref, entry)
