"""Streams and consumers as declared: created when absent, changed only in the declared keys, never replaced.

Talks JetStream's JSON itself: nats-py drops configuration fields that it does not know, and an update with such a gap
would wipe them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from services.runtime import subjects
from services.runtime.bus import ApiError, Bus
from services.runtime.nats_folder import nats_folder

STREAM_NOT_FOUND, CONSUMER_NOT_FOUND = 10059, 10014
DURATION_KEYS = ("max_age", "duplicate_window")
UNITS_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
START_KEYS = ("deliver_policy", "opt_start_seq")
"""Where a consumer begins; it cannot be changed once it exists."""
ACK_WAIT_NS = 30 * 10**9


def declared_streams() -> list[dict[str, Any]]:
    """The declarations, durations in nanoseconds as NATS wants them."""
    streams: list[dict[str, Any]] = orjson.loads((nats_folder() / "streams.json").read_bytes())
    return [
        {key: _nanoseconds(value) if key in DURATION_KEYS else value for key, value in each.items()} for each in streams
    ]


async def apply_streams(bus: Bus) -> list[str]:
    """Bring the server's streams to what is declared; returns what was done, one phrase each. Safe to repeat."""
    done = []
    for declared in declared_streams():
        name = declared["name"]
        try:
            current = (await bus.api(f"STREAM.INFO.{name}"))["config"]
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            await bus.api(f"STREAM.CREATE.{name}", declared)
            done.append(f"created {name}")
            continue
        if not covers(current, declared):
            await bus.api(f"STREAM.UPDATE.{name}", {**current, **declared})
            done.append(f"updated {name}")
    return done


async def apply_consumer(bus: Bus, stream: str, declared: Mapping[str, Any]) -> bool:
    """The same for one durable consumer (`declared["durable_name"]`); returns whether it was there before."""
    name = declared["durable_name"]
    try:
        current = (await bus.api(f"CONSUMER.INFO.{stream}.{name}"))["config"]
    except ApiError as error:
        if error.err_code != CONSUMER_NOT_FOUND:
            raise
        await bus.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": {**declared, "name": name}})
        return False
    changes = {key: value for key, value in declared.items() if key not in START_KEYS}
    if not covers(current, changes):
        if "filter_subjects" in changes:
            current.pop("filter_subject", None)
        await bus.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": {**current, **changes}})
    return True


async def ensure_runner_consumer(bus: Bus, node_id: str) -> str:
    """The durable consumer through which a node gets its work; the node itself may not create it. Returns its name."""
    name = subjects.runner_consumer(node_id)
    declared = {
        "durable_name": name,
        "filter_subject": subjects.work_filter(node_id),
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_NS,
        "max_deliver": -1,
    }
    await apply_consumer(bus, subjects.WORK, declared)
    return name


def covers(current: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    """Whether every declared key has the declared value (an object: in all its declared keys)."""
    for key, value in declared.items():
        have = current.get(key)
        if isinstance(value, dict):
            if not isinstance(have, dict) or not covers(have, value):
                return False
        elif have != value and not (have is None and value in (False, 0, "", [])):
            return False
    return True


def _nanoseconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise ValueError(f"{text!r} in streams.json is not a duration such as 10m")
    return int(match[1]) * UNITS_NS[match[2]]
