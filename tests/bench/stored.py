"""Puts a log of whole lives into a real JetStream, in bulk: as the grid would have written it, only faster."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from services.runtime import subjects
from services.runtime.bus import Bus, checked
from services.runtime.codec import encode_commit
from services.runtime.log import Recorded

BATCH = 1000
"""As many as the server takes in one atomic batch."""


async def store(bus: Bus, log: Sequence[Recorded]) -> None:
    """`log` into the empty stream EVENTS, at the very positions that it names."""
    for start in range(0, len(log), BATCH):
        part, batch_id = log[start : start + BATCH], uuid4().hex
        for number, each in enumerate(part, 1):
            subject = subjects.commit(each.commit.ref, type(each.commit.events[0]))
            data = encode_commit(each.commit, each.previous)
            headers = {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
            if number < len(part):
                await bus.send(subject, data, headers=headers)
                continue
            answer = await bus.request_message(subject, data, {**headers, "Nats-Batch-Commit": "1"}, timeout=30)
            assert checked(answer.data)["seq"] == start + len(part)
