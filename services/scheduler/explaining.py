"""Why the rest waits: said once, and said anew only when another reason has held for a while."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from domain.execution.events import Reason
from domain.placement import place
from services.runtime.log import Ref
from services.scheduler.board import Board, Entry, Line

EXPLAIN_AFTER_SECONDS = 0.5
"""Who waits no longer than this is not told why: most are placed within milliseconds."""
STEADY_SECONDS = 60.0
"""A reason that follows another must have held so long: a full grid runs out of cpu and of memory by turns."""
EXPLAINED_MAX = 200
RETRY = "WAITING_FOR_RETRY"


class Explaining:
    """Remembers since when each line waits for what."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._reasons: dict[Line, tuple[Reason, float]] = {}

    def news(self) -> list[tuple[Entry, Reason]]:
        """Whom to tell what now, at most EXPLAINED_MAX. One look per line, whatever its length."""
        return list(islice(self._all(), EXPLAINED_MAX))

    def _all(self) -> Iterator[tuple[Entry, Reason]]:
        now, rooms = self._board.clock(), self._board.rooms()
        known, self._reasons = self._reasons, {}
        for line, entries in list(self._board.lines.items()):
            first = next(iter(entries.values()))
            reason = place(first.job, rooms)
            if not isinstance(reason, Reason) or reason == line.told:
                continue
            before = known.get(line)
            since = before[1] if before is not None and before[0] == reason else now
            self._reasons[line] = (reason, since)
            if line.told is None or line.told.code == RETRY:
                yield from ((each, reason) for each in self._waited(entries, now))
            elif now - since >= STEADY_SECONDS:
                yield from ((each, reason) for each in list(islice(entries.values(), EXPLAINED_MAX)))
        for entry in islice(list(self._board.later.values()), EXPLAINED_MAX):
            if entry.state.delay is None and entry.due - now > EXPLAIN_AFTER_SECONDS:
                yield entry, _retry(entry)

    def _waited(self, entries: dict[Ref, Entry], now: float) -> list[Entry]:
        """Those in front who have waited a while and are not on their way to a node."""
        front = islice(entries.values(), 2 * EXPLAINED_MAX)
        return [
            each
            for each in front
            if now - max(each.since, each.due) >= EXPLAIN_AFTER_SECONDS and each.ref not in self._board.reserved
        ]


def _retry(entry: Entry) -> Reason:
    why = entry.state.ended.message if entry.state.ended else ""
    return Reason(RETRY, f"Attempt {entry.state.attempt} ended: {why} Another one is due soon.")
