"""Where a service puts what it cannot digest, so that the rest goes on, and where `rgrid doctor` looks for it."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import dataclass

from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.direct import read_direct
from services.runtime.plain import from_json, to_json
from services.runtime.pull import Pulled

log = logging.getLogger("rgrid.parked")

TRACEBACK_CHARS_MAX = 8000
PAYLOAD_CHARS_MAX = 100_000
LIST_MAX = 1000


@dataclass(frozen=True, slots=True)
class Parked:
    """One message that `service` gave up on: `position` and `subject` in `stream`, and what went wrong."""

    service: str
    stream: str
    position: int
    subject: str
    error: str
    traceback: str
    deliveries: int
    at_us: int
    payload: str = ""


async def park(bus: Bus, service: str, stream: str, pulled: Pulled, error: Exception, deliveries: int) -> None:
    """Store it, loudly; a repeat is stored once. Raises Unavailable, and then the message must not be acknowledged."""
    parked = Parked(
        service,
        stream,
        pulled.sequence,
        pulled.subject,
        f"{type(error).__name__}: {error}",
        "".join(traceback.format_exception(error))[-TRACEBACK_CHARS_MAX:],
        deliveries,
        time.time_ns() // 1000,
        pulled.data.decode("utf-8", "replace")[:PAYLOAD_CHARS_MAX],
    )
    msg_id = f"{service}.{stream}.{pulled.sequence}.{pulled.at_ns}"
    await bus.publish(subjects.parked(service), to_json(parked), msg_id)
    log.error(
        "%s gave up on %s at position %d of %s after %d tries: %s. See it with: rgrid doctor",
        service, pulled.subject, pulled.sequence, stream, deliveries, parked.error,
    )  # fmt: skip


async def parked(bus: Bus) -> list[Parked]:
    """What is parked, oldest first, at most LIST_MAX. Raises Unavailable."""
    stored = await read_direct(bus, subjects.PARKED, subjects.ALL_PARKED, 1, LIST_MAX)
    return [from_json(Parked, each.data) for each in stored]
