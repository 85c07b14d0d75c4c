"""A log of one aggregate in memory, with optimistic concurrency, and a command on its way into it, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from domain.catalog import Aggregate
from domain.errors import Refused


@dataclass
class Log:
    """The commits of one aggregate; `states[n]` is what it was after n of them. Unguarded, it takes any append."""

    aggregate: Aggregate
    guarded: bool = True
    events: list[Any] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states.append(self.aggregate.initial)

    @property
    def state(self) -> Any:
        return self.states[-1]

    def append(self, events: list[Any], expected: int) -> bool:
        """Append behind `expected` commits; False when somebody else did."""
        if self.guarded and expected != len(self.states) - 1:
            return False
        self.events += events
        self.states.append(reduce(self.aggregate.evolve, events, self.state))
        return True


@dataclass
class Handling:
    """Load, decide, append: between any two of these, others may act. `then` is told the events (none when refused)."""

    log: Log
    command: Any
    then: Callable[[list[Any]], None] = lambda events: None
    position: int = -1
    decided: list[Any] | None = None

    def advance(self) -> bool:
        """One step; True when it is through."""
        if self.position < 0:
            self.position = len(self.log.states) - 1
            return False
        if self.decided is None:
            try:
                self.decided = self.log.aggregate.decide(self.log.states[self.position], self.command)
            except Refused:
                self.decided = []
            return False
        if self.decided and not self.log.append(self.decided, self.position):
            self.position, self.decided = -1, None
            return False
        self.then(self.decided)
        return True
