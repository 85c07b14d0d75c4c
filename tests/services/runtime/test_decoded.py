"""One decoding per commit and process, and never another commit's."""

from __future__ import annotations

from domain.account.events import AccountOpened
from services.runtime.codec import Decoded, encode_commit
from services.runtime.log import Commit, Ref

SUBJECT = "rgrid.ev.a.account.a.opened"


def stored(name: str) -> bytes:
    return encode_commit(Commit(Ref("a", "account", "a"), "c", 1, "key:k", (AccountOpened(name),)), 0)


def test_the_same_commit_is_decoded_once() -> None:
    decoded = Decoded()
    assert decoded.commit(SUBJECT, 1, stored("x")) is decoded.commit(SUBJECT, 1, stored("x"))


def test_another_log_may_hold_something_else_at_the_same_position() -> None:
    decoded = Decoded()
    decoded.commit(SUBJECT, 1, stored("x"))
    assert decoded.commit(SUBJECT, 1, stored("y")).commit.events == (AccountOpened("y"),)
    assert decoded.commit("rgrid.ev.a.account.b.opened", 1, stored("y")).commit.ref.id == "b"


def test_it_remembers_a_bounded_number() -> None:
    decoded = Decoded(entries_max=2)
    first = decoded.commit(SUBJECT, 1, stored("x"))
    for position in (2, 3):
        decoded.commit(SUBJECT, position, stored("x"))
    assert decoded.commit(SUBJECT, 1, stored("x")) is not first
