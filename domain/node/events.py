"""What can happen to a node, the machine (or part of one) that a runner works on."""

from __future__ import annotations

from dataclasses import dataclass

from domain.node.offer import Offer


@dataclass(frozen=True, slots=True)
class NodeJoined:
    """A runner is there and takes work. `incarnation` is new with every start of it."""

    incarnation: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class NodeLost:
    """Its lease ran out: nothing was heard of it for `silent_seconds`."""

    incarnation: str
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """It said goodbye and holds no work."""

    incarnation: str


NodeEvent = NodeJoined | NodeLost | NodeLeft
