"""The life of a node: joined, and lost or left, once per incarnation of its runner."""

from __future__ import annotations

from dataclasses import dataclass

from domain.node import commands as c
from domain.node import events as e
from domain.pricing import price_of

AGGREGATE = "node"


@dataclass(frozen=True, slots=True)
class Node:
    """`phase`: new, joined, lost, left."""

    phase: str = "new"
    incarnation: str = ""


INITIAL = Node()


def evolve(state: Node, event: e.NodeEvent) -> Node:
    """What the node is after `event`."""
    match event:
        case e.NodeJoined():
            return Node("joined", event.incarnation)
        case e.NodeLost():
            return Node("lost", event.incarnation)
        case e.NodeLeft():
            return Node("left", event.incarnation)


def decide(state: Node, command: c.NodeCommand) -> list[e.NodeEvent]:
    """The events of `command`. A lost node that is heard of again with the same incarnation joins again.

    Raises Invalid when a node joins whose type has no price: what runs on it could not be billed.
    """
    here = state.phase == "joined" and state.incarnation == command.incarnation
    match command:
        case c.JoinNode():
            if here:
                return []
            price_of(command.offer.node_type)
            return [e.NodeJoined(command.incarnation, command.offer)]
        case c.LoseNode():
            return [e.NodeLost(command.incarnation, command.silent_seconds)] if here else []
        case c.LeaveNode():
            return [e.NodeLeft(command.incarnation)] if here else []
