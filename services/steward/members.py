"""Which members of a batch an order is about."""

from __future__ import annotations

from collections.abc import Collection

from domain.batch.decider import Batch
from domain.batch.halting import NEVER, Back
from domain.batch.members import member_id
from domain.errors import Unavailable
from services.runtime.log import History, Ref
from services.runtime.service import Context, EventItem

WAIT_SECONDS_MAX = 2.0


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
