"""Which secrets an account has: names and versions, never values."""

from __future__ import annotations

from typing import Any

from domain.account.events import AccountSecretRemoved, AccountSecretSet
from domain.errors import DamagedHistory
from projections.projection import Meta, On, Projection
from projections.table import Row, Table, plain_text

TABLE = Table(
    "secrets",
    {
        "account": "text",
        "name": "text",
        "version": "bigint",
        "set_at_us": "bigint",
        "set_by": "text",
        "removed_at_us": "bigint",
        "sequence": "bigint",
    },
    key=("account", "name"),
)


def was_set(row: Row | None, event: AccountSecretSet, meta: Meta) -> Row:
    return {
        "account": meta.id,
        "name": plain_text(event.name),
        "version": event.version,
        "set_at_us": meta.at_us,
        "set_by": plain_text(meta.actor),
        "removed_at_us": None,
        "sequence": meta.position,
    }


def removed(row: Row | None, event: AccountSecretRemoved, meta: Meta) -> Row:
    if row is None:
        raise DamagedHistory(f"Secret {event.name} of {meta.id} was removed, but the log has no value of it.")
    return {**row, "removed_at_us": meta.at_us, "sequence": meta.position}


def _key(event: Any, meta: Meta) -> tuple[str, str]:
    return (meta.id, plain_text(event.name))


SECRETS = Projection(TABLE, {AccountSecretSet: On(was_set, _key), AccountSecretRemoved: On(removed, _key)})
