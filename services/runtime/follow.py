"""A reader of a stream, built on standing pulls: it keeps its own position and trusts no consumer's memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

from domain.errors import Unavailable
from services.runtime.bus import Bus
from services.runtime.pull import Pulled, Puller

FOLLOW_WINDOW = 2000


async def follow_stream(bus: Bus, stream: str, subject_filter: str, after: int) -> AsyncIterator[list[Pulled]]:
    """Every message of `stream` that matches and has a sequence > `after`, for ever, in order, each once."""
    buffer: list[Pulled] = []
    arrived = asyncio.Event()
    names: list[str] = []
    last = after
    number = 0

    async def prepare() -> str:
        nonlocal number
        number = 0
        names.append(f"follow-{uuid4().hex}")
        await bus.api(f"CONSUMER.CREATE.{stream}.{names[-1]}", _follower(stream, names[-1], subject_filter, last + 1))
        return names[-1]

    def on_message(pulled: Pulled) -> None:
        nonlocal last, number
        if names[-1] not in pulled.reply:
            return  # of the consumer before this one
        number += 1
        if pulled.number != number:
            # Nothing here is acknowledged, so what a broken connection swallowed would not come again by itself.
            puller.lose(f"delivery {number} did not arrive")
        elif pulled.sequence > last:
            last = pulled.sequence
            buffer.append(pulled)
            arrived.set()

    puller = Puller(bus, stream, prepare, on_message, lambda: FOLLOW_WINDOW - len(buffer))
    task = asyncio.create_task(puller.run(), name=f"follow {stream}")
    task.add_done_callback(lambda _: arrived.set())
    try:
        while True:
            await arrived.wait()
            if task.done():
                task.result()
            arrived.clear()
            batch, buffer[:] = list(buffer), []
            puller.wake()
            if batch:
                yield batch
    finally:
        task.cancel()
        with contextlib.suppress(Unavailable):
            if names and bus.connected:
                await bus.send(f"$JS.API.CONSUMER.DELETE.{stream}.{names[-1]}")


def _follower(stream: str, name: str, subject_filter: str, start: int) -> dict[str, object]:
    """A consumer in memory that acknowledges nothing and is gone soon after nobody pulls."""
    config = {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": start,
        "filter_subject": subject_filter,
        "ack_policy": "none",
        "inactive_threshold": 60_000_000_000,
        "mem_storage": True,
        "num_replicas": 1,
    }
    return {"stream_name": stream, "config": config}
