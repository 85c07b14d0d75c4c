"""Every event survives storage, and every event ever stored can still be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.account.events import AccountKeyRevoked, AccountOpened
from domain.catalog import EVENT_TYPES, TYPE_NAMES
from domain.errors import DamagedHistory
from domain.node.events import NodeLost
from services.runtime import subjects
from services.runtime.codec import VERSIONS, decode_commit, decode_event, encode_commit
from services.runtime.log import Commit, Ref
from services.runtime.messages import Heartbeat
from services.runtime.plain import from_plain, to_plain

SAMPLES = Path(__file__).parents[2] / "events"
NUMBERS = st.integers(-(2**63), 2**63 - 1)
st.register_type_strategy(int, NUMBERS)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_survives_storage(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.from_type(EVENT_TYPES[name]))
    def survives(event: Any) -> None:
        commit = Commit(Ref("a", name.split(".")[0], "x"), "c", 1, "key:k", (event,), 3)
        recorded = decode_commit(commit.ref, 9, encode_commit(commit, 4))
        assert (recorded.commit, recorded.previous, recorded.position) == (commit, 4, 9)

    survives()


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_has_a_stored_sample_in_its_version_of_today(name: str) -> None:
    path = SAMPLES / f"{name}.v{VERSIONS.get(name, 1)}.json"
    assert path.is_file(), f"write down what a stored {name} looks like in tests/events/{path.name}"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_sample_ever_stored_decodes(path: Path) -> None:
    name, version = path.name.removesuffix(".json").rsplit(".v", 1)
    event = decode_event(name, int(version), orjson.loads(path.read_bytes()))
    assert event is not None
    assert TYPE_NAMES[type(event)] == name


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    assert from_plain(AccountOpened, {"name": "x", "colour": "red"}) == AccountOpened("x")
    assert from_plain(Heartbeat, {"incarnation": "i", "at_us": 1}) == Heartbeat("i", 1)


@pytest.mark.parametrize("data", [{}, {"name": 3}, {"name": None}, [], "x"])
def test_what_does_not_fit_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):
        from_plain(AccountOpened, data)


def test_tuples_of_tuples_come_back() -> None:
    beat = Heartbeat("i", 1, (("a", "e", 1), ("a", "f", 2)))
    assert from_plain(Heartbeat, to_plain(beat)) == beat


def test_an_event_of_a_later_version_is_unknown() -> None:
    assert decode_event("account.opened", 2, {"name": "x"}) is None


def test_a_commit_of_several_events_is_named_after_the_last() -> None:
    ref = Ref("a", "account", "a")
    commit = Commit(ref, "c", 1, "x", (AccountOpened("x"), AccountKeyRevoked("k")))
    assert decode_commit(ref, 9, encode_commit(commit, 0)).commit == commit
    assert subjects.commit(ref, type(commit.events[-1])).endswith(".account.a.key_revoked")


def test_a_commit_holds_events_of_its_aggregate() -> None:
    ref = Ref("a", "account", "a")
    for events in ((), (AccountOpened("x"), NodeLost("i", 1.0)), (NodeLost("i", 1.0),)):
        with pytest.raises(ValueError):
            encode_commit(Commit(ref, "c", 1, "x", events), 0)


def test_a_name_that_is_not_unicode_is_refused_before_it_is_stored() -> None:
    with pytest.raises(ValueError):
        encode_commit(Commit(Ref("a", "account", "a"), "c", 1, "x", (AccountOpened("\udc80"),)), 0)


def test_damage_is_named_with_its_position() -> None:
    with pytest.raises(DamagedHistory, match="position 12"):
        decode_commit(Ref("a", "account", "a"), 12, b'{"v":1}')
