"""The life of an account, its keys, what its projects keep, and which secrets it has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from domain.account import commands as c
from domain.account import events as e
from domain.errors import Invalid, NotFound, WrongState
from domain.retention import DAYS_DEFAULT, DAYS_MAX
from domain.secret import NAMES_MAX, SECRETS_MAX, checked_name

AGGREGATE = "account"
KEYS_MAX = 1000
RETENTIONS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """`keys` maps the id of every key ever issued to the SHA-256 of its secret; `revoked` are those that no longer open.

    `retention` maps a project to its days, where somebody said so. `secrets` maps the name of each secret to the version of
    its value; `secret_versions` has those that were removed too: a version never stands for two values.
    """

    opened: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    revoked: frozenset[str] = frozenset()
    retention: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, int] = field(default_factory=dict)
    secret_versions: dict[str, int] = field(default_factory=dict)


INITIAL = Account()


def evolve(state: Account, event: e.AccountEvent) -> Account:
    """What the account is after `event`."""
    match event:
        case e.AccountOpened():
            return replace(state, opened=True)
        case e.AccountKeyIssued():
            return replace(state, keys={**state.keys, event.key_id: event.secret_sha256})
        case e.AccountKeyRevoked():
            return replace(state, revoked=state.revoked | {event.key_id})
        case e.AccountRetentionSet():
            return replace(state, retention={**state.retention, event.project: event.days})
        case e.AccountSecretSet():
            known = {event.name: event.version}
            return replace(state, secrets=state.secrets | known, secret_versions=state.secret_versions | known)
        case e.AccountSecretRemoved():
            left = {name: version for name, version in state.secrets.items() if name != event.name}
            return replace(state, secrets=left)


def decide(state: Account, command: c.AccountCommand) -> list[e.AccountEvent]:
    """The events of `command`; a repeated one yields none."""
    if not state.opened and not isinstance(command, c.OpenAccount):
        raise NotFound("There is no such account.")
    match command:
        case c.OpenAccount():
            return [] if state.opened else [e.AccountOpened(command.name)]
        case c.IssueKey():
            return _issue(state, command)
        case c.RevokeKey():
            if command.key_id not in state.keys:
                raise NotFound(f"There is no key {command.key_id}.", details={"key_id": command.key_id})
            return [] if command.key_id in state.revoked else [e.AccountKeyRevoked(command.key_id)]
        case c.SetRetention():
            return _set_retention(state, command)
        case c.SetSecret():
            return _set_secret(state, command)
        case c.RemoveSecret():
            if command.name not in state.secrets:
                raise NotFound(f"There is no secret {command.name}.", details={"name": command.name})
            newer = state.secrets[command.name] > command.version
            return [] if newer else [e.AccountSecretRemoved(command.name)]


def _issue(state: Account, command: c.IssueKey) -> list[e.AccountEvent]:
    known = state.keys.get(command.key_id)
    if known == command.secret_sha256:
        return []
    if known is not None:
        raise WrongState(f"The key id {command.key_id} is taken.", details={"key_id": command.key_id})
    if len(state.keys) >= KEYS_MAX:
        raise WrongState(f"An account can have {KEYS_MAX} keys in its life.")
    return [e.AccountKeyIssued(command.key_id, command.secret_sha256, command.label)]


def _set_retention(state: Account, command: c.SetRetention) -> list[e.AccountEvent]:
    if not 1 <= command.days <= DAYS_MAX:
        raise Invalid(f"Files can be kept for 1 to {DAYS_MAX:,} days.", details={"days": command.days})
    if state.retention.get(command.project, DAYS_DEFAULT) == command.days:
        return []
    if command.project not in state.retention and len(state.retention) >= RETENTIONS_MAX:
        raise WrongState(f"An account can have {RETENTIONS_MAX:,} projects with a retention of their own.")
    return [e.AccountRetentionSet(command.project, command.days)]


def _set_secret(state: Account, command: c.SetSecret) -> list[e.AccountEvent]:
    """A version that is not later than the last one was overwritten before anybody could hear of it."""
    checked_name(command.name)
    if command.version <= state.secret_versions.get(command.name, 0):
        return []
    check_room(state, command.name)
    return [e.AccountSecretSet(command.name, command.version)]


def check_room(state: Account, name: str) -> None:
    """Raises WrongState when the account cannot have one more secret."""
    if name not in state.secrets and len(state.secrets) >= SECRETS_MAX:
        raise WrongState(f"An account can have {SECRETS_MAX:,} secrets.")
    if name not in state.secret_versions and len(state.secret_versions) >= NAMES_MAX:
        raise WrongState(f"An account can have {NAMES_MAX:,} names of secrets in its life.")
