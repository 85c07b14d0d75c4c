"""What must hold of every history of a batch, whatever happened."""

from __future__ import annotations

from typing import Any

from domain.batch import events as b
from domain.catalog import EXECUTION
from domain.execution import events as e
from services.runtime.handle import Handler
from services.runtime.log import Recorded
from services.steward.orders import Steward
from tests.services.steward.city import BATCH
from tests.services.steward.simulation import World

STEWARD = "service:steward"


async def check(world: World) -> None:
    """Raises AssertionError with the promise that was broken."""
    assert await world.settled(), "stuck"
    _check_rounds([event for made in (await world.log.load(BATCH)).commits for event in made.commit.events])
    decided = (await world.log.load(BATCH)).commits
    for ref in world.refs:
        history = (await world.log.load(ref)).commits
        _check_member(list(history), {made.position for made in decided})
        for made in decided:
            for event in made.commit.events:
                if isinstance(event, b.BatchRetried):
                    _check_reached(list(history), made, event)
    await _check_deaf(world)


def _check_rounds(events: list[Any]) -> None:
    expanded = False
    for event in events:
        match event:
            case b.BatchSubmitted() | b.BatchRetried():
                expanded = False
            case b.BatchExpanded():
                assert not expanded, "a round began twice"
                expanded = True
            case b.BatchFinished():
                assert expanded, "a round finished before it began"


def _check_member(history: list[Recorded], decided: set[int]) -> None:
    """It is written once; a retry of the batch reaches it once; no cancel that came before a retry ends what that began."""
    kinds = [type(event) for made in history for event in made.commit.events]
    assert kinds.count(e.ExecutionSubmitted) == 1, "written twice"
    retried: list[int] = []
    opened = 0
    for made in history:
        ours = made.commit.actor == STEWARD
        for event in made.commit.events:
            if isinstance(event, e.ExecutionRetried):
                opened = made.commit.cause or made.position
                if ours:
                    assert made.commit.cause not in retried, "retried twice by one decision"
                    retried.append(made.commit.cause)
            elif isinstance(event, e.ExecutionCancelRequested | e.ExecutionFinished) and made.commit.cause in decided:
                assert made.commit.cause > opened, "an earlier cancel had the last word"


def _check_reached(history: list[Recorded], made: Recorded, event: b.BatchRetried) -> None:
    """Who had ended as the retry asks when it was decided did go again."""
    state = EXECUTION.initial
    for recorded in (each for each in history if each.position < made.position):
        for each in recorded.commit.events:
            state = EXECUTION.evolve(state, each)
    later = [type(each) for recorded in history if recorded.position > made.position for each in recorded.commit.events]
    if state.phase == "finished" and state.status in event.statuses:
        assert e.ExecutionRetried in later, "a retry missed somebody"


async def _check_deaf(world: World) -> None:
    """All of history once more to a steward that remembers nothing (F7): nothing comes of it."""
    before = await world.log.last_position()
    world.shell.handler, world.steward = Handler(world.log), Steward()
    async for page in world.log.read():
        for recorded in page:
            await world.react(recorded)
    assert await world.log.last_position() == before, "told again, it did something again"
