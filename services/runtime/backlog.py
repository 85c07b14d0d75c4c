"""How full the streams are and what waits in them for whom: for `rgrid doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.bus import ApiError, Bus
from services.runtime.streams import STREAM_NOT_FOUND, declared_streams


@dataclass(frozen=True, slots=True)
class Waiting:
    """A consumer: `pending` messages were not handed to it yet, `unacknowledged` ones it has not finished."""

    consumer: str
    pending: int
    unacknowledged: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """One stream. `size_bytes` as it is stored."""

    stream: str
    messages: int
    size_bytes: int
    consumers: tuple[Waiting, ...]


async def backlogs(bus: Bus) -> list[Backlog]:
    """Every declared stream that is there, in the order of the declarations. Raises Unavailable."""
    found = []
    for declared in declared_streams():
        name = declared["name"]
        try:
            state = (await bus.api(f"STREAM.INFO.{name}"))["state"]
            found.append(Backlog(name, state["messages"], state["bytes"], await _consumers(bus, name)))
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
    return found


async def _consumers(bus: Bus, stream: str) -> tuple[Waiting, ...]:
    """All of a stream's consumers that last, page by page; followers of the moment have no name to go by."""
    rows: list[Waiting] = []
    seen = 0
    while True:
        page = await bus.api(f"CONSUMER.LIST.{stream}", {"offset": seen})
        consumers = page.get("consumers") or []
        seen += len(consumers)
        rows += [
            Waiting(each["name"], each["num_pending"], each["num_ack_pending"])
            for each in consumers
            if each["config"].get("durable_name")
        ]
        if not consumers or seen >= page["total"]:
            return tuple(sorted(rows, key=lambda row: row.consumer))
