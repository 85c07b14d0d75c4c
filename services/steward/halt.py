"""Carries out on the members that their batch was cancelled or stopped.

It reaches who was there when it was decided. Who came back to the queue later and may start is not touched: a member that
somebody retried, and, when the batch was only stopped, one that was running and has another attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.batch import events as b
from domain.batch.decider import Batch
from domain.batch.halting import may_start
from domain.cost.settlement import settle
from domain.errors import Conflict
from domain.execution.commands import CancelExecution
from domain.execution.events import Reason
from domain.execution.state import Execution
from services.runtime.log import APPEND_ALL_MAX, History, Ref
from services.runtime.orders import Folded, Handled, Order
from services.runtime.service import Context, EventItem
from services.steward.members import came_back, events_after, members

PAGE = APPEND_ALL_MAX // 2
"""Members of one append; their bills are another."""
ROUNDS_MAX = 20
"""A member that moves while we look at it is looked at again."""


async def halt(context: Context, item: EventItem) -> None:
    """React to BatchCancelRequested and BatchStopped; nothing is left to do once the batch finished or went on."""
    state: Batch = (await context.load(item.ref))[0]
    later = await events_after(context, item)
    again = later.index(b.BatchRetried) if b.BatchRetried in later else len(later)
    if b.BatchFinished in later or b.BatchExpanded in later[again:]:
        return
    # Who has not moved since it was decided was there then; of the others only their histories tell.
    known = dict.fromkeys(await members(context, item.ref, state), item.position)
    for _ in range(ROUNDS_MAX):
        moved = await _cancel(context, item, known)
        if not moved:
            return
        histories = zip(moved, await context.log.load_all(moved), strict=True)
        known = {ref: each.position for ref, each in histories if isinstance(each, History) and _meant(item, each)}
    raise Conflict(f"{len(known)} members of {item.ref.id} do not stand still.")


def _meant(item: EventItem, history: History) -> bool:
    """Whether it is to end by `item`, when it waits: whom the scheduler does not start."""
    cancelling = isinstance(item.event, b.BatchCancelRequested)
    return not may_start(cancelling, item.position, came_back(history))


async def _cancel(context: Context, item: EventItem, known: Mapping[Ref, int]) -> list[Ref]:
    """Cancel those that are still as they were at the positions that are `known`; returns who has moved since.

    Who waited and ended by it is billed at once: the meter need not write thousands of bills one by one.
    """
    refs, command, fits = list(known), _command(context, item), _fits(item)
    moved: list[Ref] = []
    for start in range(0, len(refs), PAGE):
        page = refs[start : start + PAGE]
        outcomes = await context.handle_all(
            [context.order(ref, command, when=_still(item, known[ref])) for ref in page]
        )
        bills: list[Order] = []
        for ref, each in zip(page, outcomes, strict=True):
            if not isinstance(each, Handled):
                context.logger.warning("a member of %s is not cancelled: %s", item.ref.id, each)
            elif not each.events:
                moved += [ref] if fits(each.state) else []
            elif each.state.phase == "finished":
                bills.append(context.order(Ref(ref.account, "cost", ref.id), settle(each.state)))
        await context.handle_all(bills)
    return moved


def _fits(item: EventItem) -> Callable[[Execution], bool]:
    """Whom it ends: a cancel all who are open, a stop only who waits."""
    if isinstance(item.event, b.BatchStopped):
        return lambda member: member.open and not member.leased
    return lambda member: member.open and not member.cancelling


def _still(item: EventItem, position: int) -> Callable[[Folded], bool]:
    fits = _fits(item)
    return lambda known: known.position <= position and fits(known.state)


def _command(context: Context, item: EventItem) -> CancelExecution:
    """The command for a member, and why it ends when it has not begun."""
    event: b.BatchCancelRequested | b.BatchStopped = item.event
    if isinstance(event, b.BatchCancelRequested):
        reason = Reason("CANCELLED", "Its batch was cancelled before it ran.")
        return CancelExecution(event.requested_by, context.now_us(), reason)
    message = f"Its batch was stopped before it ran: {event.reason.message}"
    hint = f"Run it, and those that failed: rgrid retry {item.ref.id} --failed --cancelled"
    return CancelExecution(context.actor, context.now_us(), Reason("BATCH_STOPPED", message, hint))
