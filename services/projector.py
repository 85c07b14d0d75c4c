"""Keeps the read models beside the log: follows it, folds what is new, and halts when the log ends before them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import AsyncGenerator

from domain.catalog import TYPE_NAMES
from domain.errors import HistoryLost, Unavailable
from projections.database import Database
from projections.folding import Poison
from projections.rebuild import rebuild
from projections.store import Gap, OnPoison, Projector
from services.runtime import subjects
from services.runtime.log import EventLog, Recorded
from services.runtime.plain import to_json, to_plain
from services.runtime.service import Context, Service

BATCH_COMMITS_MAX = 2000
FLOOD_COMMITS_MIN, FLOOD_SECONDS, GATHER_SECONDS = 8, 0.1, 0.015
"""When so many came within FLOOD_SECONDS, more than one run brings about by itself, the next ones are gathered: a
transaction costs much the same for one commit or fifty."""
WAITING_MAX = 4
"""Lists of commits (up to 2000 each) that are read ahead while a batch is written."""
IDLE_SECONDS = 2.0
"""After so long without news the log's end and the read models are compared with what was read: either may be another."""
BACKOFF_SECONDS_FIRST = 0.02
BACKOFF_SECONDS_MAX = 1.0
CONNECTIONS_MAX = 2
TRACEBACK_CHARS_MAX = 8000

logger = logging.getLogger("rgrid.projector")


async def project(log: EventLog, database: Database, on_poison: OnPoison) -> None:
    """Follow the log for ever, across crashes of Postgres and NATS. Raises HistoryLost when the log lost events."""
    pause = BACKOFF_SECONDS_FIRST
    while True:
        try:
            await database.ready()
            projector = Projector(database, on_poison)
            stand = await projector.prepare()
            await _check_end(log, stand.position)
            if stand.outdated:
                logger.warning("The read models were made by another version of rgrid; they are built anew.")
                await rebuild(database, log)
                continue
            pause = BACKOFF_SECONDS_FIRST
            await _follow(log, projector, stand.position)
        except Gap as gap:
            logger.warning("The read models went back to position %d; catching up from there.", gap.position)
        except Unavailable as error:
            logger.warning("The projector waits: %s", error.message)
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)


async def _follow(log: EventLog, projector: Projector, position: int) -> None:
    """What arrives while a batch is written makes up the next one: single events pass at once, floods in large batches."""
    since, count = 0.0, 0
    async with contextlib.aclosing(_batches(log, position)) as batches:
        async for batch in batches:
            if batch:
                await _apply(projector, batch)
                position = batch[-1].position
                now = time.monotonic()
                since, count = (now, len(batch)) if now - since > FLOOD_SECONDS else (since, count + len(batch))
                if count >= FLOOD_COMMITS_MIN:
                    await asyncio.sleep(GATHER_SECONDS)
            else:
                await _check_end(log, position)
                if (stored := (await projector.prepare()).position) < position:
                    raise Gap(stored)


async def _apply(projector: Projector, batch: list[Recorded]) -> None:
    """Until Postgres has it; what it had already is skipped."""
    pause = BACKOFF_SECONDS_FIRST
    while True:
        try:
            await projector.apply(batch)
            return
        except Unavailable as error:
            logger.warning("The projector waits: %s", error.message)
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)


async def _batches(log: EventLog, after: int) -> AsyncGenerator[list[Recorded], None]:
    """Everything behind `after`, as much at a time as is there; an empty list when nothing came for IDLE_SECONDS."""
    waiting: asyncio.Queue[list[Recorded] | BaseException] = asyncio.Queue(WAITING_MAX)

    async def read() -> None:
        try:
            async for recorded in log.follow(after):
                await waiting.put(recorded)
        except Exception as error:
            await waiting.put(error)

    reader = asyncio.create_task(read(), name="projector-reader")
    try:
        while True:
            batch: list[Recorded] = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    batch += _or_raise(await waiting.get())
            while batch and len(batch) < BATCH_COMMITS_MAX and not waiting.empty():
                batch += _or_raise(waiting.get_nowait())
            yield batch
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


def _or_raise(item: list[Recorded] | BaseException) -> list[Recorded]:
    if isinstance(item, BaseException):
        raise item
    return item


async def _check_end(log: EventLog, position: int) -> None:
    last = await log.last_position()
    if last < position:
        raise HistoryLost(
            f"The log ends at position {last}, but the read models stand at {position}: history is missing. "
            "Bring back the newest copy of the log. If there is none and what is left is to count: "
            "rgrid projections rebuild",
            details={"last_position": last, "position": position},
        )


async def run(context: Context) -> None:
    """The service's whole life; what it cannot fold is parked before it goes on."""

    async def park(poison: Poison) -> None:
        recorded = poison.recorded
        reason = f"{type(poison.error).__name__}: {poison.error}"
        logger.error("Cannot fold position %d, it is parked: %s. See: rgrid doctor", recorded.position, reason)
        await context.bus.publish(
            subjects.parked("projector"), _parked(poison, reason, context.now_us()), f"projector.{recorded.position}"
        )

    async with Database(context.settings.postgres_dsn, connections_max=CONNECTIONS_MAX) as database:
        try:
            await project(context.shell.handler.log, database, park)
        except HistoryLost as error:
            logger.error("The projector halts. %s", error.message)
            raise


def _parked(poison: Poison, reason: str, at_us: int) -> bytes:
    commit = poison.recorded.commit
    events = [{"type": TYPE_NAMES[type(event)], "data": to_plain(event)} for event in commit.events]
    return to_json(
        {
            "service": "projector",
            "stream": subjects.EVENTS,
            "position": poison.recorded.position,
            "subject": f"{commit.ref.account}.{commit.ref.id}",
            "error": reason,
            "traceback": "".join(traceback.format_exception(poison.error))[-TRACEBACK_CHARS_MAX:],
            "deliveries": 1,
            "at_us": at_us,
            "payload": to_json(events).decode(),
        }
    )


SERVICE = Service(name="projector", consumes=(), sends=(), start=run)
