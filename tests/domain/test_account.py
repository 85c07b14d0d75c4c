"""An account and its keys."""

from __future__ import annotations

import pytest

from domain.account import commands as c
from domain.account import decider
from domain.account import events as e
from domain.errors import Invalid, NotFound, WrongState
from domain.retention import DAYS_DEFAULT, DAYS_MAX
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
