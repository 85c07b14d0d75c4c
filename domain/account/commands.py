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


@dataclass(frozen=True, slots=True)
class SetRetention:
    """Days that the files and logs of a project are kept after the end of what made them."""

    project: str
    days: int


AccountCommand = OpenAccount | IssueKey | RevokeKey | SetRetention
