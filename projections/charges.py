"""Every line of every bill, one row per charged attempt, so that any sum of them is exact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain.cost.events import AttemptCharge, CostFinalized
from projections.projection import Meta, On, Projection
from projections.table import Row, Table

TABLE = Table(
    "charges",
    {
        "account": "text",
        "execution_id": "text",
        "attempt": "int",
        "day": "date",
        "charged_at_us": "bigint",
        "node_id": "text",
        "node_type": "text",
        "held_us": "bigint",
        "charged_micros": "bigint",
        "equivalent_micros": "bigint",
        "price_version": "text",
        "sequence": "bigint",
    },
    key=("account", "execution_id", "attempt"),
    indexes=("(account, charged_at_us)",),
)
Line = tuple[AttemptCharge, str]


def lines(event: CostFinalized) -> list[Line]:
    return [(charge, event.price_version) for charge in event.charges]


def line(row: Row | None, part: Line, meta: Meta) -> Row:
    """The day is the one (UTC) on which it was charged; project, script and tags are the execution's, joined when asked."""
    charge, price_version = part
    return {
        "account": meta.account,
        "execution_id": meta.id,
        "attempt": charge.attempt,
        "day": datetime.fromtimestamp(meta.at_us // 1_000_000, UTC).date(),
        "charged_at_us": meta.at_us,
        "node_id": charge.node_id,
        "node_type": charge.node_type,
        "held_us": charge.held_us,
        "charged_micros": charge.charged_micros,
        "equivalent_micros": charge.equivalent_micros,
        "price_version": price_version,
        "sequence": meta.position,
    }


def _key(part: Any, meta: Meta) -> tuple[str, str, int]:
    return (meta.account, meta.id, part[0].attempt)


CHARGES = Projection(TABLE, {CostFinalized: On(line, _key, parts=lines)})
