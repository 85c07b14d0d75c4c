"""What can be asked of the cost of an execution."""

from __future__ import annotations

from dataclasses import dataclass

from domain.cost.events import AttemptCharge


@dataclass(frozen=True, slots=True)
class EstimateCost:
    estimated_micros: int
    equivalent_micros: int
    seconds: float
    basis: str
    price_version: str


@dataclass(frozen=True, slots=True)
class FinalizeCost:
    """Bill the attempts that `charges` lists; what was billed before is not billed again."""

    charges: tuple[AttemptCharge, ...]
    price_version: str


CostCommand = EstimateCost | FinalizeCost
