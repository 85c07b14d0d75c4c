"""The bill of an execution: every attempt once, and the total is the sum of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cost import commands as c
from domain.cost import events as e
from domain.cost.settlement import estimate, settle
from domain.prices import VERSION
from domain.pricing import equivalent_micros
from tests.domain.sample import JOB, RETRIED, RUNNING, SECOND, assigned, failed, finished
from tests.domain.story import cost, execution

ESTIMATE = c.EstimateCost(5, 7, 60.0, "assumed", "v1")
ESTIMATED = e.CostEstimated(5, 7, 60.0, "assumed", "v1")


def charge(attempt: int, micros: int = 10) -> e.AttemptCharge:
    return e.AttemptCharge(attempt, "n1", "cx23", 1_000, micros, micros + 1)


def test_it_is_estimated_once() -> None:
    cost.when(ESTIMATE).then(ESTIMATED)
    cost.given(ESTIMATED).when(c.EstimateCost(6, 8, 61.0, "median", "v1")).then()


def test_an_attempt_is_charged_once() -> None:
    bill = c.FinalizeCost((charge(1),), "v1")
    cost.when(bill).then(e.CostFinalized((charge(1),), 10, 10, 11, "v1"))
    cost.when(bill, bill).then()
    twice = c.FinalizeCost((charge(1), charge(1)), "v1")
    cost.when(twice).then(e.CostFinalized((charge(1),), 10, 10, 11, "v1"))


def test_a_later_bill_holds_what_is_new() -> None:
    first = cost.when(c.FinalizeCost((charge(1),), "v1"))
    second = first.when(c.FinalizeCost((charge(1), charge(2, 5)), "v2"))
    second.then(e.CostFinalized((charge(2, 5),), 5, 15, 17, "v2"))


def test_what_never_ran_is_billed_as_nothing_once() -> None:
    bill = c.FinalizeCost((), "v1")
    cost.when(bill).then(e.CostFinalized((), 0, 0, 0, "v1"))
    cost.when(bill, bill).then()
    cost.when(bill, c.FinalizeCost((charge(1),), "v1")).then(e.CostFinalized((charge(1),), 10, 10, 11, "v1"))


bills = st.lists(st.lists(st.builds(charge, st.integers(1, 9), st.integers(0, 10**9)), max_size=6), max_size=6)


@settings(deadline=None)
@given(bills)
def test_the_total_is_the_sum_of_all_charges_and_no_attempt_is_charged_twice(
    bills: list[list[e.AttemptCharge]],
) -> None:
    story, charges = cost, []
    for number, bill in enumerate(bills):
        story = story.when(c.FinalizeCost(tuple(bill), f"v{number}"))
        for event in story.outcome:
            charges += event.charges
            assert event.charged_micros == sum(each.charged_micros for each in event.charges)
            assert event.total_micros == sum(each.charged_micros for each in charges)
            assert event.equivalent_total_micros == sum(each.equivalent_micros for each in charges)
    attempts = [each.attempt for each in charges]
    assert len(attempts) == len(set(attempts))


def test_every_attempt_that_ended_is_on_the_bill() -> None:
    state = execution.given(
        *RUNNING, failed(held_us=2 * SECOND), assigned(2, "n2"), finished("failed", 2), RETRIED, assigned(3)
    ).state
    bill = settle(state)
    assert [(each.attempt, each.node_id) for each in bill.charges] == [(1, "n1"), (2, "n2")]
    assert [each.charged_micros for each in bill.charges] == [0, 0]
    expected = equivalent_micros(2 * SECOND, JOB.limits.cpu_millis, JOB.limits.memory_bytes)
    assert bill.charges[0].equivalent_micros == expected > 0
    assert bill.price_version == VERSION


def test_an_estimate_says_what_it_stands_on() -> None:
    known, unknown = estimate(JOB, "cx23", 90.0), estimate(JOB, "cx23", None)
    assert (known.seconds, unknown.seconds) == (90.0, 60.0)
    assert known.estimated_micros == known.equivalent_micros > unknown.estimated_micros > 0
    assert known.basis != unknown.basis
    assert estimate(JOB, "local", 90.0).estimated_micros == 0
