"""A decider's test as a sentence: `execution.given(SUBMITTED).when(RESOLVE).then(CACHED)`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from domain.catalog import ACCOUNT, BATCH, COST, ENVIRONMENT, EXECUTION, NODE, Aggregate
from domain.errors import Refused


@dataclass(frozen=True)
class Story:
    """What happened to one aggregate, and what the last command made of it."""

    aggregate: Aggregate
    past: tuple[Any, ...] = ()
    outcome: tuple[Any, ...] = ()
    refusal: Refused | None = field(default=None, compare=False)

    @property
    def state(self) -> Any:
        """The state after all that happened."""
        return reduce(self.aggregate.evolve, (*self.past, *self.outcome), self.aggregate.initial)

    def given(self, *events: Any) -> Story:
        """These events happened."""
        return Story(self.aggregate, (*self.past, *self.outcome, *events))

    def when(self, *commands: Any) -> Story:
        """These commands come, one after the other; the last one is what `then` is about."""
        story = self
        for command in commands:
            story = story.given()
            try:
                story = Story(self.aggregate, story.past, tuple(self.aggregate.decide(story.state, command)))
            except Refused as refusal:
                story = Story(self.aggregate, story.past, (), refusal)
        return story

    def then(self, *events: Any) -> Story:
        """The last command yielded exactly these events; without any: it was already done."""
        assert self.refusal is None, f"refused: {self.refusal}"
        assert self.outcome == events
        return self

    def then_refused(self, kind: type[Refused]) -> Refused:
        """The last command was not allowed."""
        assert type(self.refusal) is kind, f"{self.refusal!r}, events {self.outcome}"
        return self.refusal


execution, batch = Story(EXECUTION), Story(BATCH)
node, account, cost = Story(NODE), Story(ACCOUNT), Story(COST)
environment = Story(ENVIRONMENT)
