"""The life of a node, incarnation by incarnation."""

from __future__ import annotations

from dataclasses import replace

from domain.errors import Invalid
from domain.node import commands as c
from domain.node import events as e
from domain.node.offer import Offer
from tests.domain.story import node


def join(incarnation: str = "a") -> c.JoinNode:
    return c.JoinNode(incarnation, Offer("local", 2000, 1 << 30, "bubblewrap", ("python",), "1", {"zone": "home"}))


def joined(incarnation: str = "a") -> e.NodeJoined:
    return e.NodeJoined(incarnation, Offer("local", 2000, 1 << 30, "bubblewrap", ("python",), "1", {"zone": "home"}))


def test_a_runner_joins_once_per_life() -> None:
    node.when(join()).then(joined())
    node.given(joined()).when(join()).then()
    node.given(joined()).when(join("b")).then(joined("b"))


def test_a_node_that_could_not_be_billed_may_not_join() -> None:
    unpriced = replace(join(), offer=replace(join().offer, node_type="cx999"))
    refusal = node.when(unpriced).then_refused(Invalid)
    assert "cx999" in refusal.message and "cx23" in refusal.details["known"]


def test_a_silent_node_is_lost_once() -> None:
    lost = e.NodeLost("a", 35.0)
    node.given(joined()).when(c.LoseNode("a", 35.0)).then(lost)
    node.given(joined(), lost).when(c.LoseNode("a", 35.0)).then()


def test_a_lost_node_that_is_heard_of_joins_again() -> None:
    node.given(joined(), e.NodeLost("a", 35.0)).when(join()).then(joined())


def test_what_is_said_of_an_older_life_is_not_about_this_one() -> None:
    node.given(joined("a"), joined("b")).when(c.LoseNode("a", 35.0)).then()
    node.given(joined("a"), joined("b")).when(c.LeaveNode("a")).then()


def test_a_node_leaves_once() -> None:
    node.given(joined()).when(c.LeaveNode("a")).then(e.NodeLeft("a"))
    node.given(joined()).when(c.LeaveNode("a"), c.LeaveNode("a")).then()
    node.given(joined(), e.NodeLeft("a")).when(c.LoseNode("a", 35.0)).then()
    node.given(joined(), e.NodeLeft("a")).when(join("b")).then(joined("b"))


def test_what_never_joined_can_neither_leave_nor_be_lost() -> None:
    node.when(c.LeaveNode("a")).then()
    node.when(c.LoseNode("a", 35.0)).then()
