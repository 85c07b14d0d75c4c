"""An account and its keys."""

from __future__ import annotations

import pytest

from domain.account import commands as c
from domain.account import decider
from domain.account import events as e
from domain.errors import Invalid, NotFound, WrongState
from domain.retention import DAYS_DEFAULT, DAYS_MAX
from domain.secret import SECRETS_MAX
from tests.domain.story import account

OPENED, ISSUED = e.AccountOpened("me"), e.AccountKeyIssued("k1", "f" * 64, "laptop")
OPEN, ISSUE, REVOKE = c.OpenAccount("me"), c.IssueKey("k1", "f" * 64, "laptop"), c.RevokeKey("k1")


def test_it_is_opened_once() -> None:
    account.when(OPEN).then(OPENED)
    account.given(OPENED).when(OPEN).then()


@pytest.mark.parametrize("command", [ISSUE, REVOKE])
def test_nothing_can_be_asked_of_one_that_is_not_open(command: c.AccountCommand) -> None:
    account.when(command).then_refused(NotFound)


def test_a_key_is_issued_once() -> None:
    account.given(OPENED).when(ISSUE).then(ISSUED)
    account.given(OPENED, ISSUED).when(ISSUE).then()
    account.given(OPENED, ISSUED).when(c.IssueKey("k1", "0" * 64, "laptop")).then_refused(WrongState)


def test_a_key_is_revoked_once_and_for_ever() -> None:
    revoked = account.given(OPENED, ISSUED).when(REVOKE).then(e.AccountKeyRevoked("k1"))
    revoked.when(REVOKE).then()
    assert revoked.when(ISSUE).then().state.revoked == {"k1"}
    account.given(OPENED).when(REVOKE).then_refused(NotFound)


def test_there_is_an_end_to_keys() -> None:
    keys = [e.AccountKeyIssued(f"k{number}", "f" * 64) for number in range(2, decider.KEYS_MAX + 2)]
    account.given(OPENED, *keys).when(ISSUE).then_refused(WrongState)
    account.given(OPENED, *keys[1:]).when(ISSUE).then(ISSUED)


def test_a_project_keeps_its_files_for_as_long_as_it_was_said_last() -> None:
    quarter, week = e.AccountRetentionSet("thesis", 90), e.AccountRetentionSet("thesis", 7)
    account.given(OPENED).when(c.SetRetention("thesis", 90)).then(quarter)
    account.given(OPENED, quarter).when(c.SetRetention("thesis", 90)).then()
    account.given(OPENED, quarter).when(c.SetRetention("thesis", 7)).then(week)
    account.given(OPENED).when(c.SetRetention("thesis", DAYS_DEFAULT)).then()


@pytest.mark.parametrize("days", [0, -1, DAYS_MAX + 1])
def test_nothing_is_kept_for_no_time_or_for_centuries(days: int) -> None:
    account.given(OPENED).when(c.SetRetention("thesis", days)).then_refused(Invalid)


def secret(version: int, name: str = "TOKEN") -> e.AccountSecretSet:
    return e.AccountSecretSet(name, version)


def test_a_secret_gets_a_later_version_with_every_value() -> None:
    account.given(OPENED).when(c.SetSecret("TOKEN", 1)).then(secret(1))
    account.given(OPENED, secret(1)).when(c.SetSecret("TOKEN", 1)).then()
    assert account.given(OPENED, secret(1)).when(c.SetSecret("TOKEN", 2)).then(secret(2)).state.secrets == {"TOKEN": 2}


def test_a_value_that_was_overwritten_before_it_was_told_of_is_not_told_of() -> None:
    account.given(OPENED, secret(3)).when(c.SetSecret("TOKEN", 2)).then()


def test_a_removed_secret_never_gets_an_old_version_again() -> None:
    removed = account.given(OPENED, secret(4)).when(c.RemoveSecret("TOKEN", 4)).then(e.AccountSecretRemoved("TOKEN"))
    assert removed.state.secrets == {}
    removed.when(c.RemoveSecret("TOKEN", 4)).then_refused(NotFound)
    removed.when(c.SetSecret("TOKEN", 4)).then()
    removed.when(c.SetSecret("TOKEN", 5)).then(secret(5))


def test_a_value_that_was_set_meanwhile_outlives_the_removal() -> None:
    account.given(OPENED, secret(5)).when(c.RemoveSecret("TOKEN", 4)).then()
    account.given(OPENED).when(c.RemoveSecret("TOKEN", 4)).then_refused(NotFound)


@pytest.mark.parametrize("name", ["", "1ST", "WITH-DASH", "A.B", "Ä", "N" * 65, "A\n", "A\0"])
def test_a_secret_is_named_like_a_variable(name: str) -> None:
    account.given(OPENED).when(c.SetSecret(name, 1)).then_refused(Invalid)


def test_there_is_an_end_to_secrets() -> None:
    full = [secret(1, f"S{number}") for number in range(SECRETS_MAX)]
    account.given(OPENED, *full).when(c.SetSecret("ONE_MORE", 1)).then_refused(WrongState)
    account.given(OPENED, *full).when(c.SetSecret("S7", 2)).then(secret(2, "S7"))
