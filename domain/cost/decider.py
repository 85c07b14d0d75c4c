"""The bill of one execution: estimated once, and every attempt charged exactly once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.cost import commands as c
from domain.cost import events as e

AGGREGATE = "cost"


@dataclass(frozen=True, slots=True)
class Cost:
    """`settled_attempt`: up to which attempt (0: none) the bill is final; `settled`: it was closed at least once."""

    estimated: bool = False
    settled: bool = False
    settled_attempt: int = 0
    total_micros: int = 0
    equivalent_total_micros: int = 0


INITIAL = Cost()


def evolve(state: Cost, event: e.CostEvent) -> Cost:
    """What the bill is after `event`."""
    match event:
        case e.CostEstimated():
            return replace(state, estimated=True)
        case e.CostFinalized():
            last = max((charge.attempt for charge in event.charges), default=state.settled_attempt)
            return replace(
                state,
                settled=True,
                settled_attempt=max(state.settled_attempt, last),
                total_micros=event.total_micros,
                equivalent_total_micros=event.equivalent_total_micros,
            )


def decide(state: Cost, command: c.CostCommand) -> list[e.CostEvent]:
    """The events of `command`: one estimate ever, one charge for every attempt."""
    match command:
        case c.EstimateCost():
            if state.estimated:
                return []
            return [
                e.CostEstimated(
                    command.estimated_micros,
                    command.equivalent_micros,
                    command.seconds,
                    command.basis,
                    command.price_version,
                )
            ]
        case c.FinalizeCost():
            fresh = _fresh(state, command)
            if state.settled and not fresh:
                return []
            charged = sum(charge.charged_micros for charge in fresh)
            equivalent = sum(charge.equivalent_micros for charge in fresh)
            return [
                e.CostFinalized(
                    fresh,
                    charged,
                    state.total_micros + charged,
                    state.equivalent_total_micros + equivalent,
                    command.price_version,
                )
            ]


def _fresh(state: Cost, command: c.FinalizeCost) -> tuple[e.AttemptCharge, ...]:
    """The charges that are not billed yet, the first one of each attempt."""
    by_attempt: dict[int, e.AttemptCharge] = {}
    for charge in command.charges:
        if charge.attempt > state.settled_attempt:
            by_attempt.setdefault(charge.attempt, charge)
    return tuple(by_attempt.values())
