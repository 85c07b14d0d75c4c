"""Appends to the log: a commit by itself, or many as one atomic batch; what the server refuses may be ours all the same."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from uuid import uuid4

from services.runtime import subjects
from services.runtime.bus import ApiError, Bus, checked
from services.runtime.codec import read_commit
from services.runtime.log import Commit, Recorded, conflict, same

WRONG_LAST_SEQUENCE = 10071
DUPLICATE_IN_BATCH = 10201
NO_MESSAGE = 10037
AT_A_STRETCH = 100
"""So many commits are written before others of this process may go on."""


async def publish(bus: Bus, commit: Commit, expected: int, data: bytes) -> int:
    """The position of `commit`, encoded as `data`, behind `expected`. Raises Conflict, ApiError, Unavailable."""
    subject, headers = _address(commit, expected)
    try:
        answer = checked((await bus.request_message(subject, data, headers)).data)
        return await _ours(bus, commit, expected) if answer.get("duplicate") else int(answer["seq"])
    except ApiError as error:
        if error.err_code != WRONG_LAST_SEQUENCE:
            raise
        return await _ours(bus, commit, expected)


async def publish_all(bus: Bus, commits: Sequence[tuple[Commit, int]], encoded: Sequence[bytes]) -> list[int]:
    """Their positions. Atomic batch publish (NATS ADR-50): all but the last without an answer, the last commits the batch.

    Raises Conflict, ApiError, Unavailable.
    """
    batch_id = uuid4().hex
    last = len(commits)
    try:
        for number, ((commit, expected), data) in enumerate(zip(commits, encoded, strict=True), 1):
            subject, headers = _address(commit, expected)
            headers |= {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
            if number < last:
                await bus.send(subject, data, headers=headers)
            if number % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        answer = await bus.request_message(subject, data, headers | {"Nats-Batch-Commit": "1"})
        sequence = int(checked(answer.data)["seq"])
        return list(range(sequence - last + 1, sequence + 1))
    except ApiError as error:
        if error.err_code not in (WRONG_LAST_SEQUENCE, DUPLICATE_IN_BATCH):
            raise
        return [await _ours(bus, commit, expected) for commit, expected in commits]


async def _ours(bus: Bus, commit: Commit, expected: int) -> int:
    """The position of `commit` if it, all of it, is what stands behind `expected`; raises Conflict otherwise.

    Asks the stream's leader: a direct get may be answered by a replica that has not seen our write.
    """
    wanted = {"seq": expected + 1, "next_by_subj": subjects.aggregate(commit.ref)}
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{subjects.EVENTS}", wanted)
    except ApiError as error:
        if error.err_code == NO_MESSAGE:
            raise conflict(commit, expected) from None
        raise
    found = _recorded(answer["message"])
    if not same(found.commit, commit):
        raise conflict(commit, expected)
    return found.position


def _address(commit: Commit, expected: int) -> tuple[str, dict[str, str]]:
    """Subject and headers of a commit; both come from the one function that builds subjects, so the check cannot miss."""
    ref = commit.ref
    return subjects.commit(ref, type(commit.events[-1])), {
        "Nats-Msg-Id": f"{ref.account}.{ref.aggregate}.{ref.id}.{commit.command_id}",
        "Nats-Expected-Last-Subject-Sequence": str(expected),
        "Nats-Expected-Last-Subject-Sequence-Subject": subjects.aggregate(ref),
    }


def _recorded(message: dict[str, str]) -> Recorded:
    """A commit out of an answer of STREAM.MSG.GET."""
    data = base64.b64decode(message["data"])
    return read_commit(subjects.ref_of(message["subject"]), int(message["seq"]), data)
