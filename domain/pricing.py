"""What a run costs: its share of its node, for as long as it held it."""

from __future__ import annotations

from domain.errors import Invalid
from domain.money import round_half_even
from domain.prices import PRICES, REFERENCE, NodePrice

HOUR_US = 3_600_000_000


def price_of(node_type: str) -> NodePrice:
    """The price of a node type; raises Invalid for one that the table does not hold."""
    price = PRICES.get(node_type)
    if price is None:
        raise Invalid(f"The price table has no node type {node_type!r}.", details={"known": sorted(PRICES)})
    return price


def run_micros(node_type: str, held_us: int, cpu_millis: int, memory_bytes: int) -> int:
    """Micro-euros for holding a share of a node for `held_us` microseconds.

    The share is the larger of the cpu and the memory fraction, at most the whole node; rounded half to even.
    """
    price = price_of(node_type)
    if price.micros_per_hour == 0 or held_us <= 0:
        return 0
    numerator, denominator = _share(price, cpu_millis, memory_bytes)
    return round_half_even(price.micros_per_hour * held_us * numerator, HOUR_US * denominator)


def held_us(assigned_at_us: int, until_us: int) -> int:
    """How long an attempt holds its node, for the bill and for the figure while it runs: from its assignment until the log
    has its end (or until now), by the control plane's clock. A node's own clock has no say in what it costs."""
    return max(0, until_us - assigned_at_us)


def equivalent_micros(held_us: int, cpu_millis: int, memory_bytes: int) -> int:
    """What the same time would cost on the reference node (the cheapest cloud node)."""
    return run_micros(REFERENCE, held_us, cpu_millis, memory_bytes)


def _share(price: NodePrice, cpu_millis: int, memory_bytes: int) -> tuple[int, int]:
    """The larger of two fractions, as (numerator, denominator), at most 1."""
    by_cpu = (min(cpu_millis, price.cpu_millis), price.cpu_millis)
    by_memory = (min(memory_bytes, price.memory_bytes), price.memory_bytes)
    return max(by_cpu, by_memory, key=lambda fraction: fraction[0] * 10**18 // fraction[1])
