"""How many days an account's projects keep the files and logs of what has ended, where somebody said so."""

from __future__ import annotations

from typing import Any

from domain.account.events import AccountRetentionSet
from domain.retention import DAYS_DEFAULT as DAYS_DEFAULT
from projections.projection import Meta, On, Projection
from projections.table import Row, Table, plain_text

TABLE = Table(
    "retentions",
    {"account": "text", "project": "text", "days": "int", "sequence": "bigint"},
    key=("account", "project"),
)


def said(row: Row | None, event: AccountRetentionSet, meta: Meta) -> Row:
    """The last word counts."""
    project = plain_text(event.project)
    return {"account": meta.id, "project": project, "days": event.days, "sequence": meta.position}


def _key(event: Any, meta: Meta) -> tuple[str, str]:
    return (meta.id, plain_text(event.project))


RETENTIONS = Projection(TABLE, {AccountRetentionSet: On(said, _key)})
