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


@dataclass(frozen=True, slots=True)
class SetSecret:
    """The value of a secret is stored, sealed, as `version`: it is later than every one before."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class RemoveSecret:
    """The value of a secret is gone, up to `version`: one that was set meanwhile stays."""

    name: str
    version: int


AccountCommand = OpenAccount | IssueKey | RevokeKey | SetRetention | SetSecret | RemoveSecret
