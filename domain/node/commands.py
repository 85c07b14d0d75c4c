"""What can be asked of a node."""

from __future__ import annotations

from dataclasses import dataclass

from domain.node.offer import Offer


@dataclass(frozen=True, slots=True)
class JoinNode:
    incarnation: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class LoseNode:
    incarnation: str
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class LeaveNode:
    incarnation: str


NodeCommand = JoinNode | LoseNode | LeaveNode
