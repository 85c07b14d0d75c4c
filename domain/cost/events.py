"""What is known about the cost of one execution (the aggregate has the execution's id). All amounts in micro-euros.

`equivalent_micros` is what the same time would cost on the cheapest cloud node; it is never charged.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptCharge:
    """One attempt's line on the bill: how long it held its node (microseconds) and what that costs."""

    attempt: int
    node_id: str
    node_type: str
    held_us: int
    charged_micros: int
    equivalent_micros: int


@dataclass(frozen=True, slots=True)
class CostEstimated:
    """Before it runs. `basis` says in words what the estimate stands on."""

    estimated_micros: int
    equivalent_micros: int
    seconds: float
    basis: str
    price_version: str


@dataclass(frozen=True, slots=True)
class CostFinalized:
    """The bill for the attempts in `charges`; `total_micros` is that of all attempts ever billed for this execution."""

    charges: tuple[AttemptCharge, ...]
    charged_micros: int
    total_micros: int
    equivalent_total_micros: int
    price_version: str
    currency: str = "EUR"


CostEvent = CostEstimated | CostFinalized
