"""What can happen to an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountOpened:
    name: str


@dataclass(frozen=True, slots=True)
class AccountKeyIssued:
    """A key exists from now on; only the SHA-256 (hex) of its secret part is kept."""

    key_id: str
    secret_sha256: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class AccountKeyRevoked:
    key_id: str


AccountEvent = AccountOpened | AccountKeyIssued | AccountKeyRevoked
