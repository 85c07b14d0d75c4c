"""Says what a run will cost when it is submitted, and what it did cost when it has ended."""

from __future__ import annotations

import time

from domain.cost.commands import EstimateCost, FinalizeCost
from domain.cost.decider import Cost
from domain.cost.settlement import estimate, settle
from domain.execution.events import ExecutionFinished, ExecutionSubmitted
from domain.execution.state import Execution
from services.runtime.log import Ref
from services.runtime.service import Context, EventItem, Service

HISTORY_SECONDS = 2.0
"""How old the history may be that an estimate stands on: of a thousand runs submitted at once one asks for it."""
HISTORIES_MAX = 1000


class Meter:
    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[float, float | None]] = {}

    async def react(self, context: Context, item: EventItem) -> None:
        """Estimate or settle; a second delivery adds nothing."""
        cost = Ref(item.ref.account, "cost", item.ref.id)
        if isinstance(item.event, ExecutionSubmitted):
            job = item.event.job
            history = await self._history(context, item.ref.account, job.script.sha256)
            await context.handle(cost, estimate(job, context.settings.node_type, history))
        else:
            execution: Execution = await context.state(item.ref, at_least=item.position)
            bill: Cost = await context.state(cost)
            last = max((span.attempt for span in execution.spans), default=0)
            # What was billed stays billed: what is known of a bill may be old, but not wrong.
            if not bill.settled or bill.settled_attempt < last:
                await context.handle(cost, settle(execution))

    async def _history(self, context: Context, account: str, script_sha256: str) -> float | None:
        now, key = time.monotonic(), (account, script_sha256)
        known = self._known.get(key)
        if known is not None and now - known[0] < HISTORY_SECONDS:
            return known[1]
        seconds: float | None = await context.queries.history_seconds(account, script_sha256)
        if len(self._known) >= HISTORIES_MAX:
            self._known.clear()
        self._known[key] = (now, seconds)
        return seconds


SERVICE = Service(
    name="meter",
    consumes=(ExecutionSubmitted, ExecutionFinished),
    sends=(EstimateCost, FinalizeCost),
    react=Meter().react,
)
