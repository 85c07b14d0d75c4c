"""Stands between the log and the nodes: hands out what was assigned or cancelled, and turns the runners' facts into commands.

A runner has no authority: what it reports counts only for the attempt whose lease its node holds.
"""

from __future__ import annotations

import logging

from domain.environment.commands import RecordBuild, RecordDrop, RecordFetch
from domain.environment.events import EnvironmentInvalidated
from domain.errors import Invalid, NotFound, StaleLease
from domain.execution.commands import FinishExecution, StartExecution
from domain.execution.events import ExecutionAssigned, ExecutionCancelRequested
from domain.execution.state import Execution
from domain.node.commands import JoinNode, LeaveNode
from services.foreman.environments import forget_environment, report_environment
from services.runtime.log import Ref
from services.runtime.messages import (
    CancelWork,
    EnvironmentFact,
    FinishedFact,
    JoinedFact,
    LeftFact,
    RunWork,
    StartedFact,
)
from services.runtime.service import Context, EventItem, FactItem, Service

logger = logging.getLogger("rgrid.foreman")


async def react(context: Context, item: EventItem | FactItem) -> None:
    """One event or one fact."""
    if isinstance(item, EventItem):
        forget = isinstance(item.event, EnvironmentInvalidated)
        await (forget_environment if forget else _instruct)(context, item)
        return
    match item.fact:
        case StartedFact() as fact:
            command = StartExecution(fact.attempt, item.node_id, fact.started_at_us, fact.sandbox)
            await _report(context, item, fact, command)
        case FinishedFact() as fact:
            finish = FinishExecution(fact.attempt, item.node_id, fact.result, item.at_us, fact.sandbox)
            await _report(context, item, fact, finish)
        case EnvironmentFact() as fact:
            await report_environment(context, item, fact)
        case JoinedFact() as fact:
            await context.ensure_node(item.node_id)
            await _join(context, item, JoinNode(fact.incarnation, fact.offer))
        case LeftFact() as fact:
            await context.handle(_node(item), LeaveNode(fact.incarnation))


async def _instruct(context: Context, item: EventItem) -> None:
    """Tell the node what was decided, unless that is history already."""
    state: Execution = await context.state(item.ref, at_least=item.position)
    if not state.leased or state.attempt != item.event.attempt or state.job is None:
        return
    ref = item.ref
    if isinstance(item.event, ExecutionAssigned):
        work = RunWork(ref.account, ref.id, state.attempt, state.job)
        await context.publish_work(state.node_id, work)
    else:
        cancel = CancelWork(ref.account, ref.id, state.attempt)
        await context.publish_work(state.node_id, cancel)


async def _report(
    context: Context, item: FactItem, fact: StartedFact | FinishedFact, command: StartExecution | FinishExecution
) -> None:
    """Bring a fact to the log; a stale one changes nothing, and whoever starts without a lease is told to stop."""
    ref = Ref(fact.account, "execution", fact.execution)
    name = type(fact).__name__
    try:
        await context.handle(ref, command)
    except (StaleLease, NotFound) as error:
        logger.info("%s of %s from %s is stale: %s", name, ref.id, item.node_id, error)
        if isinstance(fact, StartedFact):
            stop = CancelWork(fact.account, fact.execution, fact.attempt, cause="stale")
            await context.publish_work(item.node_id, stop)


async def _join(context: Context, item: FactItem, join: JoinNode) -> None:
    """A node that may not join is told so in our log; its runner waits for work that never comes."""
    try:
        await context.handle(_node(item), join)
    except Invalid as refusal:
        logger.error("%s may not join: %s Correct its RGRID_NODE_TYPE.", item.node_id, refusal.message)


def _node(item: FactItem) -> Ref:
    return Ref("grid", "node", item.node_id)


SERVICE = Service(
    name="foreman",
    consumes=(
        ExecutionAssigned,
        ExecutionCancelRequested,
        EnvironmentInvalidated,
        StartedFact,
        FinishedFact,
        EnvironmentFact,
        JoinedFact,
        LeftFact,
    ),
    sends=(StartExecution, FinishExecution, RecordBuild, RecordFetch, RecordDrop, JoinNode, LeaveNode),
    react=react,
)
