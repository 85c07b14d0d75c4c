"""Carries out on the members that their batch was retried: those that ended as was asked go again."""

from __future__ import annotations

from domain.batch import events as b
from domain.batch.commands import ExpandBatch
from domain.batch.decider import Batch
from domain.batch.members import member_id
from domain.execution.commands import RetryExecution
from domain.execution.events import ExecutionRetried
from domain.execution.state import Execution
from services.runtime.log import History, Recorded, Ref
from services.runtime.orders import Folded, Handled
from services.runtime.service import Context, EventItem
from services.steward.members import events_after, members

PAGE = 500
"""Members of one append; between two of them others of this process go on."""
LATE_SECONDS = 1.0
"""What is carried out so long after it was decided may have been begun before a crash."""


async def go_again(context: Context, item: EventItem) -> None:
    """React to BatchRetried. Who was retried on its account before is not retried again, whatever became of it since."""
    if b.BatchExpanded in await events_after(context, item):
        return
    state: Batch = (await context.load(item.ref))[0]
    event: b.BatchRetried = item.event
    wanted = await members(context, item.ref, state, event.statuses)
    retry = RetryExecution(event.requested_by, event.script)

    def ended_so(known: Folded) -> bool:
        member: Execution = known.state
        return member.phase == "finished" and member.status in event.statuses

    count = 0
    for start in range(0, len(wanted), PAGE):
        page = wanted[start : start + PAGE]
        outcomes = await context.handle_all([context.order(ref, retry, when=ended_so) for ref in page])
        count += sum(isinstance(each, Handled) and bool(each.events) for each in outcomes)
        for refused in (each for each in outcomes if not isinstance(each, Handled)):
            context.logger.warning("a member of %s does not go again: %s", item.ref.id, refused)
    if context.now_us() - item.commit.at_us > LATE_SECONDS * 1e6:
        count = await _gone_again(context, item, state)
    await context.handle(item.ref, ExpandBatch(count))


async def _gone_again(context: Context, item: EventItem, state: Batch) -> int:
    """How many go again by this decision, whoever began to carry it out."""
    account, total, count = item.ref.account, state.members.count if state.members else 0, 0
    for start in range(0, total, PAGE):
        indices = range(start, min(start + PAGE, total))
        refs = [Ref(account, "execution", member_id(account, item.ref.id, index)) for index in indices]
        for history in await context.log.load_all(refs):
            commits = history.commits if isinstance(history, History) else ()
            count += any(each.commit.cause == item.position and _is_retry(each) for each in commits)
    return count


def _is_retry(recorded: Recorded) -> bool:
    return any(isinstance(event, ExecutionRetried) for event in recorded.commit.events)
