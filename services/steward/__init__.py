"""Writes the members of a batch into the log, and carries out on them what was decided about all of them at once."""

from __future__ import annotations

from domain.batch import events as b
from domain.batch.commands import ExpandBatch
from domain.cost.commands import EstimateCost, FinalizeCost
from domain.execution.commands import CancelExecution, ResolveExecution, RetryExecution, SubmitExecution
from services.runtime.service import Context, EventItem, Service
from services.steward.expand import expand


async def react(context: Context, item: EventItem) -> None:
    """One thing that was decided about a batch; a second delivery adds nothing."""
    if isinstance(item.event, b.BatchSubmitted):
        await expand(context, item)


SERVICE = Service(
    name="steward",
    consumes=(b.BatchSubmitted,),
    sends=(
        ExpandBatch,
        SubmitExecution,
        ResolveExecution,
        EstimateCost,
        FinalizeCost,
        CancelExecution,
        RetryExecution,
    ),
    react=react,
)
