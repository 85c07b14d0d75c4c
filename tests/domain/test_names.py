"""Names of things: ids, files, events, backoff steps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import retry
from domain.catalog import AGGREGATES, EVENT_TYPES, TYPE_NAMES
from domain.errors import Invalid
from domain.files import FileRef, FileSet, checked_path, file_ref, file_set
from domain.ids import ALPHABET, TOKEN, id_from, id_of

any_text = st.text(st.characters())


@settings(deadline=None)
@given(st.lists(any_text.filter(lambda text: "\x00" not in text and text.isprintable()), min_size=1))
def test_the_same_parts_give_the_same_id(parts: list[str]) -> None:
    first = id_from("exec", *parts)
    assert first == id_from("exec", *parts)
    assert first != id_from("exec", *parts, "more")
    assert re.fullmatch(f"exec_[{ALPHABET}]{{12}}", first)
    assert TOKEN.match(first)


@settings(deadline=None)
@given(st.integers(0, 2**80))
def test_every_bit_of_sixty_shows_in_an_id(bits: int) -> None:
    assert (id_of("key", bits) == id_of("key", bits ^ 1 << 59)) is False
    assert id_of("key", bits) == id_of("key", bits + (1 << 60))
    assert len(id_of("key", bits)) == len("key_") + 12


def test_the_ends_of_the_alphabet() -> None:
    assert (id_of("k", 0), id_of("k", 31), id_of("k", 2**60 - 1)) == (
        "k_" + "0" * 12,
        "k_" + "0" * 11 + "z",
        "k_" + "z" * 12,
    )
    assert not set("ilou") & set(ALPHABET)


@pytest.mark.parametrize("text", ["", "a.b", "a b", "a*", ">", "a\n", "é", "x" * 65])
def test_what_would_break_a_subject_is_no_token(text: str) -> None:
    assert not TOKEN.match(text)


@settings(deadline=None)
@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    try:
        assert checked_path(text) == text
    except Invalid:
        pass


def test_a_set_of_files_counts_itself() -> None:
    files = (FileRef("a", "0" * 64, 3), FileRef("b", "1" * 64, 4, 0o755))
    assert file_set(files) == FileSet(2, 7, files)
    assert file_set(files, "2" * 64) == FileSet(2, 7, (), "2" * 64)
    assert file_set(()) == FileSet()
    assert file_ref({"path": "a", "sha256": "0" * 64, "size_bytes": 3}) == files[0]


def test_every_event_has_one_name_and_one_aggregate() -> None:
    assert len(EVENT_TYPES) == len(TYPE_NAMES) == sum(len(aggregate.events) for aggregate in AGGREGATES.values())
    for name, event in EVENT_TYPES.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", name)
        assert TYPE_NAMES[event] == name
        assert event in AGGREGATES[name.split(".")[0]].events


def test_the_stored_names_stay_as_they_are() -> None:
    assert sorted(EVENT_TYPES) == [
        "account.key_issued",
        "account.key_revoked",
        "account.opened",
        "account.retention_set",
        "account.secret_removed",
        "account.secret_set",
        "batch.cancel_requested",
        "batch.delayed",
        "batch.expanded",
        "batch.finished",
        "batch.retried",
        "batch.stopped",
        "batch.submitted",
        "cost.estimated",
        "cost.finalized",
        "environment.built",
        "environment.dropped",
        "environment.fetched",
        "environment.invalidated",
        "execution.artifacts_expired",
        "execution.assigned",
        "execution.attempt_failed",
        "execution.cached",
        "execution.cancel_requested",
        "execution.delayed",
        "execution.finished",
        "execution.retried",
        "execution.started",
        "execution.submitted",
        "node.joined",
        "node.left",
        "node.lost",
    ]


def test_waits_grow_to_a_bound() -> None:
    assert [retry.script_backoff_seconds(count) for count in (1, 2, 3, 6, 7, retry.RETRIES_MAX)] == [
        1,
        2,
        4,
        32,
        60,
        60,
    ]
    assert [retry.platform_backoff_seconds(count) for count in (0, 1, 2, 3, 5, 6, 60)] == [0, 0, 1, 2, 8, 10, 10]
