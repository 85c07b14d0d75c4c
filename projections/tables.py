"""The one list of all read models, and the schema they make up together."""

from __future__ import annotations

import hashlib

from projections.accounts import ACCOUNTS, KEYS
from projections.batch_sums import SUMS
from projections.batches import BATCHES
from projections.blobs import BLOBS, REFERENCES
from projections.charges import CHARGES
from projections.environments import ENVIRONMENTS
from projections.executions import EXECUTIONS
from projections.nodes import NODES
from projections.projection import On, Projection
from projections.retentions import RETENTIONS
from projections.rollup import Rollup
from projections.secrets import SECRETS
from projections.table import Table

PROJECTIONS: tuple[Projection, ...] = (
    EXECUTIONS,
    BATCHES,
    ENVIRONMENTS,
    CHARGES,
    NODES,
    ACCOUNTS,
    KEYS,
    RETENTIONS,
    SECRETS,
    BLOBS,
)
TABLES: tuple[Table, ...] = tuple(projection.table for projection in PROJECTIONS)
ROLLUPS: tuple[Rollup, ...] = (SUMS, REFERENCES)
"""In this order: what one changes the next ones are told of."""
LIVE = "live"
FOLDS_VERSION = 3
"""Raise it when a fold writes something else than before: the read models are then built anew at the next start."""

ROUTES: dict[type, tuple[tuple[str, On], ...]] = {
    event: tuple((projection.table.name, projection.on[event]) for projection in PROJECTIONS if event in projection.on)
    for event in {event for projection in PROJECTIONS for event in projection.on}
}


def shape() -> str:
    """Names this form of the read models: a stored schema of another shape must be built anew."""
    sql = [text for table in TABLES for text in (table.create_sql("s"), *table.index_sql("s"))]
    return hashlib.sha256("\n".join([str(FOLDS_VERSION), *sql]).encode()).hexdigest()[:16]


def create_sql(schema: str) -> list[str]:
    """An empty schema without secondary indexes. `generation` tells two builds of it apart."""
    positions = (
        f"CREATE TABLE {schema}.positions"
        " (name text PRIMARY KEY, position bigint NOT NULL, generation bigint NOT NULL, shape text NOT NULL)"
    )
    return [f"CREATE SCHEMA {schema}", positions, *(table.create_sql(schema) for table in TABLES)]


def index_sql(schema: str) -> list[str]:
    return [sql for table in TABLES for sql in table.index_sql(schema)]
