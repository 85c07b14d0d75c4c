"""What holds for every decider: evolving never raises, deciding is pure, and a repeated command adds nothing."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import ACCOUNT, AGGREGATES, BATCH, COST, ENVIRONMENT, EXECUTION, NODE, Aggregate
from domain.cost.commands import EstimateCost, FinalizeCost
from domain.errors import Refused
from domain.execution.commands import DelayExecution, ExpireArtifacts
from tests.domain import test_account, test_batch, test_environment, test_node
from tests.domain.sample import CANCEL, FULL, NOW, RESOLVE, RETRY, SECOND, SUBMIT, assign, finish, lose, start
from tests.domain.test_cost import ESTIMATE, charge

names, attempts, nodes = sorted(AGGREGATES), (1, 2, 3), ("n1", "n2")
COMMANDS: dict[str, list[Any]] = {
    EXECUTION.name: [SUBMIT, RESOLVE, CANCEL, RETRY]
    + [assign(attempt, node, NOW + 90 * SECOND) for attempt in attempts for node in nodes]
    + [start(attempt, node) for attempt in attempts for node in nodes]
    + [finish(how, a, node) for how in ("succeeded", "failed", "lost", "cancelled") for a in attempts for node in nodes]
    + [lose(attempt) for attempt in attempts]
    + [DelayExecution(FULL), ExpireArtifacts(NOW)],
    BATCH.name: [test_batch.SUBMIT, test_batch.EXPAND, test_batch.CANCEL]
    + [command for round in range(3) for command in test_batch.of_round(round)],
    NODE.name: [test_node.join("a"), test_node.join("b")]
    + [test_node.c.LoseNode(life, 35.0) for life in "ab"]
    + [test_node.c.LeaveNode(life) for life in "ab"],
    ACCOUNT.name: [
        test_account.OPEN,
        test_account.ISSUE,
        test_account.REVOKE,
        test_account.c.RevokeKey("k2"),
        test_account.c.SetRetention("thesis", 7),
        *(test_account.c.SetSecret("TOKEN", version) for version in (1, 2, 3)),
        *(test_account.c.RemoveSecret("TOKEN", version) for version in (1, 3)),
    ],
    ENVIRONMENT.name: [
        command
        for node in nodes
        for command in (
            test_environment.build(node),
            test_environment.build(node, None),
            test_environment.c.RecordFetch(node, 5, 7),
            test_environment.c.RecordDrop(node, "budget"),
        )
    ]
    + [test_environment.INVALIDATE],
    COST.name: [ESTIMATE, EstimateCost(9, 9, 9.0, "other", "v2")]
    + [FinalizeCost(tuple(charge(a) for a in range(1, last + 1)), "v1") for last in range(4)],
}


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", names)
def test_evolving_never_raises(name: str, data: st.DataObject) -> None:
    aggregate = AGGREGATES[name]
    events = data.draw(st.lists(st.one_of(*map(st.from_type, aggregate.events)), max_size=8))
    state = reduce(aggregate.evolve, events, aggregate.initial)
    assert state == reduce(aggregate.evolve, events, aggregate.initial)


@settings(max_examples=200, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", names)
def test_a_repeated_command_adds_nothing(name: str, data: st.DataObject) -> None:
    aggregate = AGGREGATES[name]
    state = aggregate.initial
    for command in data.draw(st.lists(st.sampled_from(COMMANDS[name]), max_size=25)):
        first = decided(aggregate, state, command)
        assert first == decided(aggregate, state, command)
        state = reduce(aggregate.evolve, first, state)
        assert decided(aggregate, state, command) == []


@settings(max_examples=100, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", names)
def test_any_command_in_any_state_is_decided_or_refused(name: str, data: st.DataObject) -> None:
    aggregate = AGGREGATES[name]
    events = data.draw(st.lists(st.one_of(*map(st.from_type, aggregate.events)), max_size=6))
    state = reduce(aggregate.evolve, events, aggregate.initial)
    for event in decided(aggregate, state, data.draw(st.sampled_from(COMMANDS[name]))):
        assert type(event) in aggregate.events


def decided(aggregate: Aggregate, state: Any, command: Any) -> list[Any]:
    """The events; none when it is refused."""
    try:
        return aggregate.decide(state, command)
    except Refused:
        return []
