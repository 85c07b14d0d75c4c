"""Commits as they are stored: one JSON object, the same for ever.

    {"v": 1, "id": command id, "prev": position before it, "at_us", "actor", "cause", "events": [{"type", "v", "data"}]}

A commit is named after its last event: that is what became of the aggregate, and services are woken by the name. An event
that is not the last of its commit therefore wakes nobody; who decides so says why in the decider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from domain.catalog import EVENT_TYPES, TYPE_NAMES
from domain.errors import DamagedHistory
from services.runtime.frozen import maker
from services.runtime.log import Commit, Recorded, Ref
from services.runtime.plain import decoder, to_json
from services.runtime.subjects import ref_of

COMMIT_VERSION = 1
DECODED_MAX = 2048
VERSIONS: Mapping[str, int] = {}
"""The version in which an event type is written today, where that is not 1."""
UPCASTERS: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""(type, version) to what makes the data of the next version out of it."""

_commit, _recorded = maker(Commit), maker(Recorded)
AGGREGATE_OF: Mapping[str, str] = {name: name.partition(".")[0] for name in EVENT_TYPES}


def encode_commit(commit: Commit, expected: int) -> bytes:
    """The stored form; raises ValueError for a commit without an event, or with one of another aggregate."""
    if not commit.events:
        raise ValueError("a commit holds at least one event")
    return to_json(
        {
            "v": COMMIT_VERSION,
            "id": commit.command_id,
            "prev": expected,
            "at_us": commit.at_us,
            "actor": commit.actor,
            "cause": commit.cause,
            "events": [_stored(commit.ref, event) for event in commit.events],
        }
    )


def _stored(ref: Ref, event: Any) -> dict[str, Any]:
    name = TYPE_NAMES[type(event)]
    if name.partition(".")[0] != ref.aggregate:
        raise ValueError(f"{name} does not belong to the aggregate {ref.aggregate}")
    return {"type": name, "v": VERSIONS.get(name, 1), "data": event}


def decode_commit(ref: Ref, position: int, data: bytes) -> Recorded:
    """The commit at `position`; raises DamagedHistory when it does not read as one.

    Events of a type that this version of rgrid does not know are left out and named in `commit.unknown`.
    """
    try:
        stored = orjson.loads(data)
        events: list[Any] = []
        unknown: list[str] = []
        for each in stored["events"]:
            name = each["type"]
            if AGGREGATE_OF.get(name) != ref.aggregate and name.partition(".")[0] != ref.aggregate:
                raise ValueError(f"{name} does not belong to the aggregate {ref.aggregate}")
            event = decode_event(name, each["v"], each["data"])
            (unknown.append(each["type"]) if event is None else events.append(event))
        _check_head(stored)
        commit = _commit(
            ref, stored["id"], stored["at_us"], stored["actor"], tuple(events), stored["cause"], tuple(unknown), ""
        )
        return _recorded(position, stored["prev"], commit)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            f"The event at position {position} ({ref.aggregate} {ref.id}) does not read as what was written: {error}"
        )
        raise DamagedHistory(message, details={"position": position}) from error


def _check_head(stored: Mapping[str, Any]) -> None:
    if not (
        stored["id"].__class__ is str
        and stored["actor"].__class__ is str
        and stored["prev"].__class__ is int
        and stored["at_us"].__class__ is int
        and stored["cause"].__class__ is int
    ):
        raise ValueError("its head holds what never stands there")
    if not stored["events"]:
        raise ValueError("it holds no event")


def read_commit(ref: Ref, position: int, data: bytes) -> Recorded:
    """The commit at `position`; when it does not read as one, an empty commit that says so, for those who must go on."""
    try:
        return decode_commit(ref, position, data)
    except DamagedHistory as error:
        return Recorded(position, 0, Commit(ref, "", 0, "", (), damage=error.message))


class Decoded:
    """What was decoded lately: in one process several services are given the same commit, and one decoding serves all.

    Commits are immutable, and the same bytes at the same position of the same aggregate always read the same.
    """

    def __init__(self, entries_max: int = DECODED_MAX) -> None:
        self._entries_max = entries_max
        self._known: dict[int, tuple[str, bytes, Recorded]] = {}

    def commit(self, subject: str, position: int, data: bytes) -> Recorded:
        """As read_commit, of the message that stands at `position`."""
        known = self._known.get(position)
        if known is not None and known[0] == subject and known[1] == data:
            return known[2]
        recorded = read_commit(ref_of(subject), position, data)
        self._known[position] = (subject, data, recorded)
        if len(self._known) > self._entries_max:
            del self._known[next(iter(self._known))]
        return recorded


def decode_event(name: str, version: int, data: dict[str, Any]) -> Any | None:
    """The event, brought up to the version of today; None when the type, or its version, is not known here."""
    while version < VERSIONS.get(name, 1):
        data, version = UPCASTERS[name, version](data), version + 1
    event = EVENT_TYPES.get(name)
    if event is None or version > VERSIONS.get(name, 1):
        return None
    return decoder(event)(data)
