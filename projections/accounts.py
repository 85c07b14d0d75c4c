"""Accounts and their keys (only hashes of secrets are known here)."""

from __future__ import annotations

from typing import Any

from domain.account import events as e
from domain.errors import DamagedHistory
from projections.projection import Meta, On, Projection
from projections.table import Row, Table, plain_text

ACCOUNTS_TABLE = Table(
    "accounts", {"id": "text", "name": "text", "opened_at_us": "bigint", "sequence": "bigint"}, key=("id",)
)
KEYS_TABLE = Table(
    "keys",
    {
        "key_id": "text",
        "account": "text",
        "secret_sha256": "text",
        "label": "text",
        "issued_at_us": "bigint",
        "revoked_at_us": "bigint",
        "sequence": "bigint",
    },
    key=("key_id", "account"),
    indexes=("(account, sequence)",),
)


def opened(row: Row | None, event: e.AccountOpened, meta: Meta) -> Row:
    return {"id": meta.id, "name": plain_text(event.name), "opened_at_us": meta.at_us, "sequence": meta.position}


def issued(row: Row | None, event: e.AccountKeyIssued, meta: Meta) -> Row:
    return {
        "key_id": event.key_id,
        "account": meta.id,
        "secret_sha256": event.secret_sha256,
        "label": plain_text(event.label),
        "issued_at_us": meta.at_us,
        "revoked_at_us": None,
        "sequence": meta.position,
    }


def revoked(row: Row | None, event: e.AccountKeyRevoked, meta: Meta) -> Row:
    if row is None:
        raise DamagedHistory(f"Key {event.key_id} of {meta.id} was revoked, but the log has no issue of it.")
    return {**row, "revoked_at_us": meta.at_us, "sequence": meta.position}


def _account(_event: Any, meta: Meta) -> tuple[str]:
    return (meta.id,)


def _key(event: Any, meta: Meta) -> tuple[str, str]:
    return (event.key_id, meta.id)


ACCOUNTS = Projection(ACCOUNTS_TABLE, {e.AccountOpened: On(opened, _account)})
KEYS = Projection(KEYS_TABLE, {e.AccountKeyIssued: On(issued, _key), e.AccountKeyRevoked: On(revoked, _key)})
