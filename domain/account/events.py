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


@dataclass(frozen=True, slots=True)
class AccountRetentionSet:
    """What ends in `project` keeps its files and logs for so many days; what has ended already is measured by it too."""

    project: str
    days: int


@dataclass(frozen=True, slots=True)
class AccountSecretSet:
    """A secret has a value, or another one, from now on. The value itself is in no event; `version` tells values apart."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class AccountSecretRemoved:
    """The secret has no value any more."""

    name: str


AccountEvent = (
    AccountOpened | AccountKeyIssued | AccountKeyRevoked | AccountRetentionSet | AccountSecretSet | AccountSecretRemoved
)
