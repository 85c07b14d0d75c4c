"""Thousands of random histories of one execution; and proof that the simulator would find what it is there for."""

from __future__ import annotations

import pytest

from domain.catalog import EXECUTION
from domain.cost import decider as cost_decider
from domain.execution import decider
from domain.execution import events as e
from tests.domain.simulation import World, check

HISTORIES = 10_000


def faults(histories: int, guarded: bool = True) -> dict[str, int]:
    """The promises that histories break, each with the first seed that does."""
    found: dict[str, int] = {}
    for seed in range(histories):
        try:
            check(World(seed, guarded).run())
        except AssertionError as fault:
            found.setdefault(str(fault).splitlines()[0], seed)
    return found


def test_no_history_breaks_a_promise() -> None:
    assert faults(HISTORIES) == {}, "see one with: python -m tests.domain.simulation SEED"


def test_the_histories_are_wild_enough() -> None:
    worlds = [World(seed).run() for seed in range(300)]
    kinds = {type(event) for world in worlds for event in world.log.events}
    ends = {
        event.result.reason.code
        for world in worlds
        for event in world.log.events
        if isinstance(event, e.ExecutionFinished)
    }
    assert kinds == set(EXECUTION.events) - {e.ExecutionDelayed, e.ExecutionArtifactsExpired}
    assert {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "LOST_WHILE_CANCELLING"} <= ends
    assert max(world.log.state.attempt for world in worlds) >= 5


def test_the_same_seed_is_the_same_history() -> None:
    assert World(7).run().log.events == World(7).run().log.events


def test_broken_fencing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decider, "_check_lease", lambda state, attempt, node_id: None)
    assert {"two results were accepted", "a zombie's result was accepted"} <= faults(300).keys()


def test_fencing_without_the_epoch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decider._check_lease
    monkeypatch.setattr(decider, "_check_lease", lambda state, attempt, node_id: whole(state, state.attempt, node_id))
    assert {"an attempt ended twice", "a zombie's result was accepted"} & faults(500).keys()


def test_broken_concurrency_is_found() -> None:
    assert {"two results were accepted", "assigned twice or out of turn"} <= faults(300, guarded=False).keys()


def test_a_second_charge_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_decider, "_fresh", lambda state, command: command.charges)
    assert "not one charge for every attempt" in faults(200)
