"""What can be asked of an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenAccount:
    name: str


@dataclass(frozen=True, slots=True)
class IssueKey:
    key_id: str
    secret_sha256: str
    label: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    key_id: str


AccountCommand = OpenAccount | IssueKey | RevokeKey
