"""How many days an account's projects keep the files and logs of what has ended, where somebody said so."""

from __future__ import annotations

from projections.projection import Projection
from projections.table import Table

DAYS_DEFAULT = 30
TABLE = Table(
    "retentions",
    {"account": "text", "project": "text", "days": "int", "sequence": "bigint"},
    key=("account", "project"),
)
RETENTIONS = Projection(TABLE, {})
