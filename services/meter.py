"""Says what a run will cost when it is submitted, and what it did cost when it has ended."""

from __future__ import annotations

from domain.cost.commands import EstimateCost, FinalizeCost
from domain.cost.settlement import estimate, settle
from domain.execution.events import ExecutionFinished, ExecutionSubmitted
from services.runtime.log import Ref
from services.runtime.service import Context, EventItem, Service


async def react(context: Context, item: EventItem) -> None:
    """Estimate or settle; a second delivery adds nothing."""
    cost = Ref(item.ref.account, "cost", item.ref.id)
    if isinstance(item.event, ExecutionSubmitted):
        job = item.event.job
        history = await context.queries.history_seconds(item.ref.account, job.script.sha256)
        node_type = context.settings.node_type
        await context.handle(cost, estimate(job, node_type, history))
    else:
        execution = await context.state(item.ref, at_least=item.position)
        await context.handle(cost, settle(execution))


SERVICE = Service(
    name="meter", consumes=(ExecutionSubmitted, ExecutionFinished), sends=(EstimateCost, FinalizeCost), react=react
)
