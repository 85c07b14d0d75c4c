"""Nodes that ever joined, with what they offer and whether they are there."""

from __future__ import annotations

from typing import Any

from domain.errors import DamagedHistory
from domain.node import events as e
from projections.execution_doc import iso
from projections.projection import Meta, On, Projection
from projections.table import Row, Table

TABLE = Table("nodes", {"id": "text", "status": "text", "sequence": "bigint", "doc": "json"}, key=("id",))


def joined(row: Row | None, event: e.NodeJoined, meta: Meta) -> Row:
    doc = {
        "id": meta.id,
        "status": "joined",
        "incarnation": event.incarnation,
        "node_type": event.offer.node_type,
        "cpu_millis": event.offer.cpu_millis,
        "memory_bytes": event.offer.memory_bytes,
        "sandbox": event.offer.sandbox,
        "runtimes": list(event.offer.runtimes),
        "version": event.offer.version,
        "labels": dict(event.offer.labels),
        "targets": list(event.offer.targets),
        "joined_at": iso(meta.at_us),
        "gone_at": None,
        "silent_seconds": None,
        "sequence": meta.position,
    }
    return {"id": meta.id, "status": "joined", "sequence": meta.position, "doc": doc}


def lost(row: Row | None, event: e.NodeLost, meta: Meta) -> Row:
    return _gone(row, "lost", event.silent_seconds, meta)


def left(row: Row | None, event: e.NodeLeft, meta: Meta) -> Row:
    return _gone(row, "left", None, meta)


def _gone(row: Row | None, status: str, silent_seconds: float | None, meta: Meta) -> Row:
    if row is None:
        raise DamagedHistory(f"Node {meta.id} went ({status}), but the log has no word of its coming.")
    changes = {"status": status, "gone_at": iso(meta.at_us), "silent_seconds": silent_seconds}
    doc = {**row["doc"], **changes, "sequence": meta.position}
    return {**row, "status": status, "sequence": meta.position, "doc": doc}


def _key(_event: Any, meta: Meta) -> tuple[str]:
    return (meta.id,)


NODES = Projection(TABLE, {e.NodeJoined: On(joined, _key), e.NodeLost: On(lost, _key), e.NodeLeft: On(left, _key)})
