"""What reads have in common: fresh enough, by any form of an id, and with the cost so far while it runs."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import Path, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from domain.errors import Invalid, NotFound, Unavailable
from domain.ids import ALPHABET, ID_CHARS
from domain.pricing import held_us, run_micros
from gateway.auth import Caller
from gateway.parts import Parts
from services.runtime.log import Ref

WAIT_SECONDS_MAX = 5.0
GLANCE_SECONDS = 0.2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_US = 253_402_300_799_000_000
"""The end of the year 9999."""
SEQUENCE_MAX = 2**63 - 1
FULL_ID = re.compile(rf"^exec_[{ALPHABET}]{{{ID_CHARS}}}$")
ID_PATTERN = r"^(@last|[0-9a-z_]{1,64})$"

ExecutionId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The id, a unique prefix of it, or @last.", examples=["@last"])
]
MinSeq = Annotated[
    int | None,
    Query(
        ge=0, le=SEQUENCE_MAX, description="Answer only once the read model has reached this sequence (at most 5 s)."
    ),
]


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Bytes that are JSON already."""
    return Response(body, status, headers, "application/json")


def answer(value: Any, status: int = 200) -> Response:
    return json_response(orjson.dumps(value), status)


async def fresh(parts: Parts, min_seq: int | None) -> None:
    """Wait for the read model; raises Unavailable (READ_BEHIND) when it takes too long or the log itself is not there."""
    if not min_seq:
        return
    try:
        await parts.queries.wait_for(min_seq, GLANCE_SECONDS)
        return
    except Unavailable as error:
        if error.code != "PROJECTIONS_BEHIND":
            raise
    last = await parts.log.last_position()
    try:
        if min_seq <= last:
            await parts.queries.wait_for(min_seq, WAIT_SECONDS_MAX)
            return
    except Unavailable as error:
        if error.code != "PROJECTIONS_BEHIND":
            raise
    message = f"The read model has not reached sequence {min_seq} yet. The log ends at {last}."
    raise Unavailable(message, code="READ_BEHIND", details={"min_seq": min_seq, "last": last})


async def resolved(parts: Parts, caller: Caller, text: str) -> str:
    """The full id; one that is full already is not looked up, so it works before it is in the read model."""
    return text if FULL_ID.match(text) else await parts.queries.resolve_id(caller.account, text)


async def document(parts: Parts, caller: Caller, execution: str) -> bytes:
    """The execution's JSON; one that was submitted this very moment is waited for. Raises NotFound."""
    try:
        return await parts.queries.get_execution(caller.account, execution)
    except NotFound:
        if not (await parts.log.load(Ref(caller.account, "execution", execution))).position:
            raise
    await parts.queries.wait_for(await parts.log.last_position(), WAIT_SECONDS_MAX)
    return await parts.queries.get_execution(caller.account, execution)


def priced(doc: bytes) -> bytes:
    """`doc` with the cost so far, while the bill is not final; untouched otherwise."""
    if b'"final_micros":null' not in doc:
        return doc
    value = orjson.loads(doc)
    value["cost"]["running_micros"] = running_micros(value, time.time_ns() // 1000)
    return orjson.dumps(value)


def running_micros(doc: dict[str, Any], now_us: int) -> int:
    """What all attempts so far would be billed if it ended now."""
    total, limits = 0, doc["limits"]
    for attempt in doc["attempts"]:
        if attempt["charged_micros"] is not None:
            total += attempt["charged_micros"]
            continue
        held = attempt["held_us"]
        if held is None:
            held = held_us(micros_of(attempt["assigned_at"]) or now_us, now_us)
        try:
            total += run_micros(attempt["node_type"], held, limits["cpu_millis"], limits["memory_bytes"])
        except Invalid:
            continue
    return total


def _not_a_number(value: Any) -> Any:
    """`since=1700000000` could mean seconds or milliseconds; a time is written as one."""
    if isinstance(value, str) and "-" not in value:
        raise ValueError("a time such as 2026-11-20T14:02:00Z")
    return value


Instant = Annotated[datetime, BeforeValidator(_not_a_number), Query(description="ISO 8601, UTC when it names no zone.")]


def micros_of(at: datetime | str | None) -> int | None:
    """Microseconds since 1970, within the years that can be written; None for None."""
    if at is None:
        return None
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH
    return min(max(since // timedelta(microseconds=1), 0), LAST_US)
