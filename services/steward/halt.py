"""Carries out on the members that their batch was cancelled or stopped.

While a batch is being cancelled or stopped none of it starts: whoever is open is cancelled (when it was stopped, only who
waits), and so is whoever comes back to the queue. Once the batch has finished, members can be retried one by one.
"""

from __future__ import annotations

from domain.batch import events as b
from domain.batch.decider import Batch
from domain.cost.settlement import settle
from domain.execution.commands import CancelExecution
from domain.execution.events import Reason
from domain.execution.state import Execution
from services.runtime.log import APPEND_ALL_MAX, Ref
from services.runtime.orders import Order
from services.runtime.service import Context, EventItem
from services.steward.members import events_after, last_retried, members

PAGE = APPEND_ALL_MAX // 2
"""Members of one append, each with its bill."""


async def halt(context: Context, item: EventItem) -> None:
    """React to BatchCancelRequested and BatchStopped; nothing is left to do once the batch finished or went on.

    Who waits ends here, and is billed in the same breath: the meter need not write thousands of bills one by one.
    """
    state: Batch = (await context.load(item.ref))[0]
    later = await events_after(context, item)
    again = later.index(b.BatchRetried) if b.BatchRetried in later else len(later)
    if b.BatchFinished in later or b.BatchExpanded in later[again:]:
        return
    wanted = await members(context, item.ref, state)
    if again < len(later):
        # Another round was decided on meanwhile. Who was opened again since then is of that round, and not ours to end.
        histories = await context.log.load_all(wanted)
        wanted = [ref for ref, each in zip(wanted, histories, strict=True) if last_retried(each) < item.position]
    cancel = cancel_of(context, item.ref.id, item.event)
    when = _waits if isinstance(item.event, b.BatchStopped) else _open
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        orders: list[Order] = []
        for ref, member in zip(page, await context.states(page), strict=True):
            orders.append(context.order(ref, cancel, when=when))
            if member is not None and _waits(member):
                orders.append(context.order(Ref(ref.account, "cost", ref.id), settle(member)))
        await context.handle_all(orders)


async def back_in_queue(context: Context, item: EventItem) -> None:
    """React to ExecutionAttemptFailed and ExecutionRetried: a member of a batch that is halted does not start again."""
    if item.commit.actor == context.actor:
        return
    member: Execution = await context.state(item.ref, at_least=item.position)
    if not member.batch_id:
        return
    batch = Ref(item.ref.account, "batch", member.batch_id)
    state: Batch = await context.state(batch)
    if not state.halted or state.phase == "finished":
        return
    state, _ = await context.load(batch)
    if state.halted and state.phase != "finished":
        await context.handle_all([context.order(item.ref, cancel_of(context, batch.id, state), when=_waits)])


def cancel_of(context: Context, batch_id: str, why: Batch | b.BatchCancelRequested | b.BatchStopped) -> CancelExecution:
    """The command for a member, and why it ends when it has not begun."""
    if isinstance(why, b.BatchCancelRequested):
        return _cancel(context, why.requested_by)
    stopped = why.reason if isinstance(why, b.BatchStopped) else why.stopped
    if stopped is None or (isinstance(why, Batch) and why.cancelling):
        return _cancel(context, context.actor)
    message = f"Its batch was stopped before it ran: {stopped.message}"
    hint = f"Run it, and those that failed: rgrid retry {batch_id} --failed --cancelled"
    return CancelExecution(context.actor, context.now_us(), Reason("BATCH_STOPPED", message, hint))


def _cancel(context: Context, requested_by: str) -> CancelExecution:
    reason = Reason("CANCELLED", "Its batch was cancelled before it ran.")
    return CancelExecution(requested_by, context.now_us(), reason)


def _open(member: Execution) -> bool:
    return member.open


def _waits(member: Execution) -> bool:
    return member.open and not member.leased
