"""Every event by its stored name, and every aggregate with its decider: the one table the shell works from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from domain.account import decider as account
from domain.account import events as account_events
from domain.batch import decider as batch
from domain.batch import events as batch_events
from domain.cost import decider as cost
from domain.cost import events as cost_events
from domain.environment import decider as environment
from domain.environment import events as environment_events
from domain.execution import decider as execution
from domain.execution import events as execution_events
from domain.execution import state as execution_state
from domain.node import decider as node
from domain.node import events as node_events


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A decider as a value: `decide(state, command) -> events`, `evolve(state, event) -> state`."""

    name: str
    initial: Any
    decide: Callable[[Any, Any], list[Any]]
    evolve: Callable[[Any, Any], Any]
    events: tuple[type, ...]


EXECUTION = Aggregate(
    execution_state.AGGREGATE,
    execution_state.INITIAL,
    execution.decide,
    execution_state.evolve,
    get_args(execution_events.ExecutionEvent),
)
NODE = Aggregate(node.AGGREGATE, node.INITIAL, node.decide, node.evolve, get_args(node_events.NodeEvent))
ACCOUNT = Aggregate(
    account.AGGREGATE, account.INITIAL, account.decide, account.evolve, get_args(account_events.AccountEvent)
)
BATCH = Aggregate(batch.AGGREGATE, batch.INITIAL, batch.decide, batch.evolve, get_args(batch_events.BatchEvent))
COST = Aggregate(cost.AGGREGATE, cost.INITIAL, cost.decide, cost.evolve, get_args(cost_events.CostEvent))
ENVIRONMENT = Aggregate(
    environment.AGGREGATE,
    environment.INITIAL,
    environment.decide,
    environment.evolve,
    get_args(environment_events.EnvironmentEvent),
)

AGGREGATES: Mapping[str, Aggregate] = {each.name: each for each in (EXECUTION, BATCH, NODE, ACCOUNT, COST, ENVIRONMENT)}


def type_name(event: type) -> str:
    """The stored name of an event class: `ExecutionAttemptFailed` is `execution.attempt_failed`."""
    aggregate = event.__module__.split(".")[1]
    bare = event.__name__.removeprefix(aggregate.capitalize())
    return f"{aggregate}.{re.sub(r'(?<!^)(?=[A-Z])', '_', bare).lower()}"


EVENT_TYPES: Mapping[str, type] = {
    type_name(event): event for aggregate in AGGREGATES.values() for event in aggregate.events
}
TYPE_NAMES: Mapping[type, str] = {event: name for name, event in EVENT_TYPES.items()}
