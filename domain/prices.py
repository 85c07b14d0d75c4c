"""The price table: the one file to edit when a provider changes its prices. Give it a new VERSION with every change.

Net prices of Hetzner Cloud, in Germany, in micro-euros per hour, as published on hetzner.com/cloud.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "2026-11-01"
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
        NodePrice("cx23", 5_600, 2_000, 4 * GIB),
        NodePrice("cx33", 8_800, 4_000, 8 * GIB),
        NodePrice("cx43", 15_200, 8_000, 16 * GIB),
        NodePrice("cx53", 27_600, 16_000, 32 * GIB),
    )
}
