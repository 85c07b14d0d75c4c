"""Why the rest waits: said once, and said anew only when another reason has held for a while.

Members of a batch are not told one by one: the batch is, for all of them, so ten thousand that wait are one event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from domain.execution.events import Reason
from domain.placement import SEE, NodeRoom, place
from services.runtime.log import Ref
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.lines import Line
from services.scheduler.watched import Watched

EXPLAIN_AFTER_SECONDS = 0.5
"""Who waits no longer than this is not told why: most are placed within milliseconds."""
STEADY_SECONDS = 60.0
"""A reason that follows another must have held so long: a full grid runs out of cpu and of memory by turns."""
EXPLAINED_MAX = 200
RETRY = "WAITING_FOR_RETRY"
FAIR_SHARE = Reason(
    "FAIR_SHARE",
    "The room that is free is kept for another execution, whose turn it is and which needs more of it.",
    SEE,
)


class Explaining:
    """Remembers since when each line waits for what."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._reasons: dict[Line, tuple[Reason, float]] = {}

    def news(self) -> list[tuple[Ref, Reason]]:
        """Which execution or batch to tell what now, at most EXPLAINED_MAX. One look per line, whatever its length."""
        return list(islice(self._all(), EXPLAINED_MAX))

    def _all(self) -> Iterator[tuple[Ref, Reason]]:
        now, rooms = self._board.clock(), self._board.rooms()
        known, self._reasons = self._reasons, {}
        for line, entries in list(self._board.lines.standing.items()):
            batch = self._board.batches.of(line.group)
            reason = self._reason(line, batch, next(iter(entries.values())), rooms)
            told = batch.state.delay if batch is not None else line.told
            if reason is None or reason == told:
                continue
            before = known.get(line)
            since = before[1] if before is not None and before[0] == reason else now
            self._reasons[line] = (reason, since)
            held_seconds = now - since
            if batch is not None:
                if held_seconds >= (EXPLAIN_AFTER_SECONDS if told is None else STEADY_SECONDS):
                    yield batch.ref, reason
            elif told is None or told.code == RETRY:
                yield from ((each.ref, reason) for each in self._waited(entries.values(), now))
            elif held_seconds >= STEADY_SECONDS:
                yield from ((ref, reason) for ref in list(islice(entries, EXPLAINED_MAX)))
        for entry in islice(list(self._board.lines.later.values()), EXPLAINED_MAX):
            if not entry.group.batch_id and entry.state.delay is None and entry.due - now > EXPLAIN_AFTER_SECONDS:
                yield entry.ref, _retry(entry)

    def _reason(self, line: Line, batch: Watched | None, first: Entry, rooms: list[NodeRoom]) -> Reason | None:
        """Why those in a line wait; None when they do not, or when somebody else sees to their end."""
        if batch is not None:
            if not batch.startable:
                return None
            if 0 < batch.state.parallel <= len(self._board.held.of_group(line.group)):
                return _parallel(batch.state.parallel)
        reason = place(first.job, rooms)
        if isinstance(reason, Reason):
            return reason
        is_ready = first.due <= self._board.clock() and first.ref not in self._board.reserved
        return FAIR_SHARE if self._board.kept and is_ready else None

    def _waited(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """Those in front who have waited a while and are not on their way to a node."""
        return [
            each
            for each in islice(entries, 2 * EXPLAINED_MAX)
            if now - max(each.since, each.due) >= EXPLAIN_AFTER_SECONDS and each.ref not in self._board.reserved
        ]


def _parallel(count: int) -> Reason:
    message = f"It waits because {count} of its batch run at the same time, as asked with --parallel {count}."
    return Reason("BATCH_PARALLEL", message, "It starts when one of them ends.")


def _retry(entry: Entry) -> Reason:
    why = entry.state.ended.message if entry.state.ended else ""
    return Reason(RETRY, f"Attempt {entry.state.attempt} ended: {why} Another one is due soon.")
