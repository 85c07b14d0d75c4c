"""Money is whole: shares sum to what was shared, and roundings are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.money import round_half_even, share
from domain.prices import PRICES, REFERENCE
from domain.pricing import HOUR_US, equivalent_micros, price_of, run_micros

micros = st.integers(0, 10**15)
weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=40)
some_gib = st.integers(0, 64 * 1024**3)
some_cpu = st.integers(0, 64_000)


@settings(deadline=None)
@given(micros, weights)
def test_shares_sum_to_the_total_and_each_is_fair(total: int, weights: list[int]) -> None:
    shares = share(total, weights)
    assert sum(shares) == total
    whole = sum(weights) or len(weights)
    for part, weight in zip(shares, weights if any(weights) else [1] * len(weights), strict=True):
        assert abs(part * whole - total * weight) < whole


@settings(deadline=None)
@given(micros, weights, st.randoms())
def test_equal_weights_differ_by_one_at_most_and_order_does_not_matter(total: int, weights: list[int], random) -> None:  # type: ignore[no-untyped-def]
    even = share(total, [7] * len(weights))
    assert max(even) - min(even) <= 1
    shuffled = random.sample(weights, len(weights))
    assert sorted(share(total, weights)) == sorted(share(total, shuffled))


def test_ties_go_to_the_earlier_and_nothing_is_shared_among_none() -> None:
    assert share(5, [1, 1, 1]) == [2, 2, 1]
    assert share(2, [0, 0, 0]) == [1, 1, 0]
    assert share(5, []) == []
    for total, parts in ((-1, [1]), (1, [1, -1])):
        with pytest.raises(ValueError, match=">= 0"):
            share(total, parts)


@settings(deadline=None)
@given(micros, st.integers(1, 10**9))
def test_halves_go_to_the_even_number(numerator: int, denominator: int) -> None:
    assert round_half_even(2 * numerator + 1, 2) == numerator + numerator % 2
    expected = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert round_half_even(numerator, denominator) == int(expected)


@settings(deadline=None)
@given(st.integers(0, 10**14), some_cpu, some_gib)
def test_a_local_node_costs_nothing(held_us: int, cpu: int, memory: int) -> None:
    assert run_micros("local", held_us, cpu, memory) == 0
    assert equivalent_micros(held_us, cpu, memory) == run_micros(REFERENCE, held_us, cpu, memory)


@settings(deadline=None)
@given(st.sampled_from(sorted(PRICES)), st.integers(-10, 10**13), some_cpu, some_gib)
def test_more_costs_no_less_and_never_more_than_the_node(node_type: str, held_us: int, cpu: int, memory: int) -> None:
    cost, price = run_micros(node_type, held_us, cpu, memory), PRICES[node_type]
    assert 0 <= cost <= round_half_even(price.micros_per_hour * max(0, held_us), HOUR_US)
    assert cost <= run_micros(node_type, held_us + 1_000_000, cpu, memory)
    assert cost <= run_micros(node_type, held_us, cpu + 500, memory)
    assert cost <= run_micros(node_type, held_us, cpu, memory + 1024**3)


@pytest.mark.parametrize("node_type", [name for name in PRICES if name != "local"])
def test_the_larger_share_counts(node_type: str) -> None:
    price = PRICES[node_type]
    whole = run_micros(node_type, HOUR_US, price.cpu_millis, 0)
    assert whole == run_micros(node_type, HOUR_US, 0, price.memory_bytes) == price.micros_per_hour
    assert run_micros(node_type, HOUR_US, price.cpu_millis // 2, price.memory_bytes // 4) == price.micros_per_hour // 2


def test_an_unknown_node_has_no_price() -> None:
    with pytest.raises(Invalid, match="no node type 'cx99'"):
        price_of("cx99")
