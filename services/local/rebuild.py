"""`python -m services.local.rebuild [--check]`: build the read models anew from the log, or prove that they are what it says.

Exit code 0: done, or equal; 1: differences, each of which is named; 125: it could not be done, and why.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import uvloop

from domain.errors import RgridError, Unavailable
from projections.check import DIFFERENCES_MAX, Difference, check
from projections.database import Database
from projections.rebuild import rebuild
from services.local.home import Home, read_json
from services.local.ports import HOST
from services.local.postgres import dsn_of
from services.local.postgres_user import place_for
from services.local.secrets_file import load_secrets
from services.runtime.connection import connect
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import EventLog
from services.runtime.settings import Settings, load

DIFFERENT, FAILED = 1, 125
CONNECT_SECONDS_MAX = 10.0
VALUE_CHARS_MAX = 200


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="services.local.rebuild", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the log, change nothing")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    options = parser.parse_args(arguments)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_main(located(load(os.environ)), options.check))
    except RgridError as error:
        print(f"✘ {error.message}", file=sys.stderr)
        return FAILED
    for line in outcome.complaints:
        print(line, file=sys.stderr)
    if options.json:
        print(json.dumps({"schema_version": 1, **outcome.facts}))
    else:
        print(outcome.said, file=sys.stderr if outcome.code else sys.stdout)
    return outcome.code


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the exit code, a line for people, complaints for stderr, and the same as plain facts."""

    code: int
    said: str
    facts: dict[str, Any]
    complaints: tuple[str, ...] = ()


async def _main(settings: Settings, only_check: bool) -> Outcome:
    bus = await connect(settings, name="rebuild", wait_seconds=CONNECT_SECONDS_MAX)
    try:
        async with Database(settings.postgres_dsn) as database:
            await database.ready(CONNECT_SECONDS_MAX)
            log = JetStreamLog(bus)
            return await (_check(database, log) if only_check else _rebuild(database, log))
    finally:
        await bus.close()


async def _rebuild(database: Database, log: EventLog) -> Outcome:
    began = time.monotonic()
    built = await rebuild(database, log)
    seconds = max(time.monotonic() - began, 1e-3)
    said = (
        f"✔ rebuilt up to position {built.position}: {built.commits} commits, {built.rows} rows written, {seconds:.1f} s "
        f"({built.commits / seconds:,.0f} commits/s)"
    )
    facts = {"position": built.position, "commits": built.commits, "rows": built.rows, "seconds": round(seconds, 3)}
    complaints = (f"✘ position {poison.recorded.position} cannot be folded: {poison.error}" for poison in built.poisons)
    return Outcome(0, said, facts, tuple(complaints))


async def _check(database: Database, log: EventLog) -> Outcome:
    checked = await check(database, log)
    differences = tuple(map(_described, checked.differences))
    facts = {"position": checked.position, "rows": checked.rows, "equal": not differences, "differences": differences}
    if not differences:
        return Outcome(0, f"✔ equal to the log up to position {checked.position}: {checked.rows} rows compared", facts)
    more = " (and perhaps more)" if len(differences) >= DIFFERENCES_MAX else ""
    said = (
        f"✘ {len(differences)} rows{more} differ from the log at position {checked.position}. "
        "Build them anew: rgrid projections rebuild"
    )
    return Outcome(DIFFERENT, said, facts, differences)


def _described(difference: Difference) -> str:
    where = f"✘ {difference.table} {' '.join(map(str, difference.key))}"
    if difference.live is None:
        return f"{where}: missing"
    if difference.rebuilt is None:
        return f"{where}: not in the log"
    changes = (
        f"{name} is {_short(value)}, the log says {_short(difference.rebuilt[name])}"
        for name, value in difference.live.items()
    )
    return f"{where}: {'; '.join(changes)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}…"


def located(settings: Settings) -> Settings:
    """With the servers of the embedded grid in RGRID_HOME, where the environment names none."""
    home = Home(settings.home)
    if not settings.nats_url:
        port = (read_json(home.ports) or {}).get("nats-server")
        if port is None:
            raise Unavailable(f"No grid was ever started in {home.root}. Start it: rgrid up -d", code="NO_GRID")
        password = load_secrets(home)[0].nats_control
        settings = replace(settings, nats_url=f"nats://{HOST}:{port}", nats_user="control", nats_password=password)
    if not settings.postgres_dsn:
        settings = replace(settings, postgres_dsn=dsn_of(place_for(home.root)))
    return settings


if __name__ == "__main__":
    sys.exit(main())
