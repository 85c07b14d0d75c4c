"""The price table: the one file to edit when a provider changes its prices. Give it a new VERSION with every change.

Net list prices of Hetzner Cloud in Germany as of April 2026, in micro-euros per hour. They serve comparison only: what a
cloud node is charged with will be the price that the provider's own API names for it.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "2026-04-01"
REFERENCE = "cx23"
"""The cheapest cloud node: what a local run is compared with."""


@dataclass(frozen=True, slots=True)
class NodePrice:
    """What an hour of a node costs (micro-euros) and what it has (thousandths of a core, bytes)."""

    node_type: str
    micros_per_hour: int
    cpu_millis: int
    memory_bytes: int


GIB = 1024**3
PRICES: dict[str, NodePrice] = {
    price.node_type: price
    for price in (
        NodePrice("local", 0, 0, 0),
        NodePrice("cx23", 6_400, 2_000, 4 * GIB),
        NodePrice("cx33", 10_400, 4_000, 8 * GIB),
        NodePrice("cx43", 19_200, 8_000, 16 * GIB),
        NodePrice("cx53", 36_000, 16_000, 32 * GIB),
    )
}
