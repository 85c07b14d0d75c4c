"""The histories of aggregates, many in one request.

The server gives the last commit of every kind at once. Each names the position before it, so what is missing of a history
(a kind that occurs twice) is known and fetched by its position. Asking for everything behind a position is right as well,
but the server then looks through the whole log for more: only a history that has many of a kind is loaded so.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from domain.catalog import AGGREGATES
from domain.errors import DamagedHistory, HistoryLost
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.codec import read_commit
from services.runtime.direct import LAST_MAX, Stored, read_at, read_last
from services.runtime.log import History, Recorded, Ref, whole

REFS_MAX = LAST_MAX // max(len(each.events) for each in AGGREGATES.values())
FETCHED_MAX = 8
"""Beyond so many commits that are missing one by one, asking for all of them in one request is faster."""
Load = Callable[[Ref], Awaitable[History]]


async def load_page(bus: Bus, refs: Sequence[Ref], load: Load) -> list[History | DamagedHistory]:
    """The histories of at most REFS_MAX aggregates; `load` loads one by itself. Raises Unavailable, HistoryLost."""
    stored = await read_last(bus, subjects.EVENTS, [subjects.aggregate(ref) for ref in refs])
    if stored and stored[-1].pending:
        return [await _alone(ref, load) for ref in refs]
    by_ref: defaultdict[Ref, dict[int, Recorded]] = defaultdict(dict)
    for each in stored:
        recorded = recorded_of(each)
        by_ref[recorded.commit.ref][recorded.position] = recorded
    return await asyncio.gather(*(_joined(bus, ref, by_ref[ref], load) for ref in refs))


async def _joined(bus: Bus, ref: Ref, known: dict[int, Recorded], load: Load) -> History | DamagedHistory:
    """The history that ends in the last of `known`, followed back to its beginning."""
    position, fetched = max(known, default=0), 0
    commits: list[Recorded] = []
    while position:
        recorded = known.get(position)
        if recorded is None:
            fetched += 1
            stored = await read_at(bus, subjects.EVENTS, position) if fetched <= FETCHED_MAX else None
            recorded = recorded_of(stored) if stored is not None else None
        if recorded is None or recorded.commit.damage or recorded.commit.ref != ref or recorded.previous >= position:
            return await _alone(ref, load)
        commits.append(recorded)
        position = recorded.previous
    commits.reverse()
    try:
        return whole(ref, commits)
    except DamagedHistory as damage:
        return damage


async def _alone(ref: Ref, load: Load) -> History | DamagedHistory:
    try:
        return await load(ref)
    except HistoryLost:
        raise
    except DamagedHistory as damage:
        return damage


def recorded_of(stored: Stored) -> Recorded:
    """The commit in a message of the stream EVENTS."""
    return read_commit(subjects.ref_of(stored.subject), stored.sequence, stored.data)
