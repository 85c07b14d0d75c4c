"""What is wanted of one aggregate, what is known of it, and what was made of that: the values that handling works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.catalog import Aggregate
from services.runtime.log import Recorded, Ref


@dataclass(frozen=True, slots=True)
class Order:
    """Commands for one aggregate, decided one after the other; their events are one commit.

    `when` is asked of the aggregate before: where it says no, nothing is done. `new`: as far as anybody knows it is not
    there yet, so it need not be loaded to be written.
    """

    ref: Ref
    commands: tuple[Any, ...]
    command_id: str
    when: Callable[[Folded], bool] | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Handled:
    """What a command came to: its events (none when it was done before), the aggregate's position and state after it."""

    events: tuple[Any, ...]
    position: int
    state: Any


@dataclass(slots=True)
class Folded:
    """A state and the position of the last commit in it."""

    state: Any
    position: int
    commands: frozenset[str] = frozenset()
    """Ids of all commands in it: a repeat is known however long ago the first was, whatever the decider says."""
    fresh: bool = False

    @property
    def weight(self) -> int:
        """How much it keeps in memory, in units of about half a kilobyte: a file of a job, a command."""
        job = getattr(self.state, "job", None)
        files = len(job.inputs.entries) + len(job.shared.entries) if job is not None else 0
        return 1 + len(self.commands) + files


def fold(aggregate: Aggregate, before: Folded, commits: Sequence[Recorded]) -> Folded:
    """The state after `commits`, which follow `before`."""
    state, position = before.state, before.position
    for recorded in commits:
        position = recorded.position
        for event in recorded.commit.events:
            state = aggregate.evolve(state, event)
    return Folded(state, position, before.commands.union([each.commit.command_id for each in commits]))


def decided(aggregate: Aggregate, folded: Folded, order: Order) -> tuple[tuple[Any, ...], Any]:
    """The events that `order` yields (none when it was carried out before) and the state after them. Raises Refused."""
    state = folded.state
    if order.command_id in folded.commands or (order.when is not None and not order.when(folded)):
        return (), state
    events: list[Any] = []
    for command in order.commands:
        more = aggregate.decide(state, command)
        for event in more:
            state = aggregate.evolve(state, event)
        events += more
    return tuple(events), state
