"""Which members of a batch an order is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domain.batch.decider import Batch
from domain.batch.halting import NEVER, Back
from domain.batch.members import member_id
from domain.errors import DamagedHistory, Unavailable
from services.runtime.log import History, Ref
from services.runtime.service import Context, EventItem

WAIT_SECONDS_MAX = 2.0
LOADED_AT_ONCE = 500


async def members(context: Context, batch: Ref, state: Batch, statuses: Collection[str] | None = None) -> list[Ref]:
    """At least those that have one of `statuses` (None: that are open) in the log now.

    A read model that knows all of the log narrows it down; without one it is all members.
    """
    try:
        await context.queries.wait_for(await context.log.last_position(), WAIT_SECONDS_MAX)
        ids = await context.queries.batch_member_ids(batch.account, batch.id, statuses)
    except Unavailable:
        count = state.members.count if state.members else 0
        ids = [member_id(batch.account, batch.id, index) for index in range(count)]
    return [Ref(batch.account, "execution", id) for id in ids]


async def events_after(context: Context, item: EventItem) -> list[type]:
    """The kinds of events that the batch has had since `item`, in order."""
    history = await context.log.load(item.ref)
    return [type(each) for made in history.commits if made.position > item.position for each in made.commit.events]


def came_back(history: History) -> Back:
    """When a member came back to the queue."""
    back = NEVER
    for made in history.commits:
        for event in made.commit.events:
            back = back.after(event, made.position, made.commit.cause)
    return back


async def first_missing(context: Context, refs: Sequence[Ref]) -> int:
    """The first that does not stand in the log: they are written in order, so all behind it are missing as well."""
    low, high = 0, len(refs)
    middle = 0
    while low < high:
        (found,) = await context.load_all([refs[middle]])
        is_there = isinstance(found, DamagedHistory) or found.position > 0
        low, high = (middle + 1, high) if is_there else (low, middle)
        middle = (low + high) // 2
    return low


async def there(context: Context, batch: str, refs: Sequence[Ref]) -> int:
    """How many of `refs` stand in the log as members of `batch`; one whose history is damaged is none: it never ends."""
    count = 0
    for start in range(0, len(refs), LOADED_AT_ONCE):
        found = await context.load_all(refs[start : start + LOADED_AT_ONCE])
        count += sum(not isinstance(each, DamagedHistory) and each.state.batch_id == batch for each in found)
    return count
