"""The packages that an account's scripts needed: what was made of which lock, where it is now, how long it took.

The archive of one that is good is referred to as executions refer to their files: the janitor leaves it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.environment import events as e
from domain.errors import DamagedHistory
from projections.projection import Fold, Meta, On, Projection
from projections.table import Row, Table, plain_text

TABLE = Table(
    "environments",
    {
        "account": "text",
        "id": "text",
        "sequence": "bigint",
        "kind": "text",
        "lock": "text",
        "target": "text",
        "builds": "boolean",
        "packages": "int",
        "size_bytes": "bigint",
        "build_ms": "bigint",
        "built_at_us": "bigint",
        "built_by": "text",
        "nodes": "text[]",
        "archive_bytes": "bigint",
        "invalidated_at_us": "bigint",
        "invalidated_by": "text",
        "pruned": "boolean",
        "released": "boolean",
        "blobs": "text[]",
    },
    key=("account", "id"),
    indexes=("(account, sequence)", "(account, lock)"),
)
"""`sequence` is the position of the first build: pages stay put. `released`: it was thrown away since it was built."""


def built(row: Row | None, event: e.EnvironmentBuilt, meta: Meta) -> Row:
    recipe, archive = event.recipe, event.archive
    kept = row["blobs"] if row and not row["released"] else []
    return {
        "account": meta.account,
        "id": meta.id,
        "sequence": row["sequence"] if row else meta.position,
        "kind": plain_text(recipe.kind),
        "lock": plain_text(recipe.lock),
        "target": plain_text(recipe.target),
        "builds": recipe.builds,
        "packages": event.packages,
        "size_bytes": event.size_bytes,
        "build_ms": event.build_ms,
        "built_at_us": meta.at_us,
        "built_by": plain_text(event.node_id),
        "nodes": _with(row, event.node_id),
        "archive_bytes": archive.size_bytes if archive else (row["archive_bytes"] if row and kept else 0),
        "invalidated_at_us": None,
        "invalidated_by": "",
        "pruned": False,
        "released": False,
        "blobs": [archive.sha256] if archive else kept,
    }


def fetched(row: Row, event: e.EnvironmentFetched, meta: Meta) -> Row:
    return {**row, "nodes": _with(row, event.node_id)}


def dropped(row: Row, event: e.EnvironmentDropped, meta: Meta) -> Row:
    return {**row, "nodes": [node for node in row["nodes"] if node != event.node_id]}


def invalidated(row: Row, event: e.EnvironmentInvalidated, meta: Meta) -> Row:
    """Nodes have it until they say otherwise."""
    return {
        **row,
        "invalidated_at_us": meta.at_us,
        "invalidated_by": plain_text(event.requested_by),
        "pruned": event.pruned,
        "archive_bytes": 0,
        "released": True,
        "blobs": [],
    }


def _with(row: Row | None, node_id: str) -> list[str]:
    return sorted({*(row["nodes"] if row else ()), plain_text(node_id)})


def _known(fold: Callable[[Row, Any, Meta], Row]) -> Fold:
    """Only one that was built can have further events."""

    def checked(row: Row | None, event: Any, meta: Meta) -> Row:
        if row is None:
            raise DamagedHistory(f"{type(event).__name__} of {meta.id}, which the log has no build of.")
        return fold(row, event, meta)

    return checked


def _key(_event: Any, meta: Meta) -> tuple[str, str]:
    return (meta.account, meta.id)


ENVIRONMENTS = Projection(
    TABLE,
    {
        e.EnvironmentBuilt: On(built, _key),
        e.EnvironmentFetched: On(_known(fetched), _key),
        e.EnvironmentDropped: On(_known(dropped), _key),
        e.EnvironmentInvalidated: On(_known(invalidated), _key),
    },
)
