"""`rgrid ps`: executions as a table, newest first."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from typing import Any

import click

from .options import api, common, emit, example
from .terminal.formats import brief, clock, duration, moment, money
from .terminal.outcome import WORDS, seconds_of
from .terminal.screen import following, tell
from .terminal.table import table
from .terminal.times import since_words
from .terminal.typed import state_name

PAGE = 200
PATH_CHARS_MAX = 40
HEAD = ("ID", "STATUS", "NAME", "SCRIPT", "SUBMITTED", "TOOK", "COST")


@click.command(
    epilog=example("rgrid ps", "rgrid ps --status failed --since 7d --tag exp=a", "rgrid ps --json | jq .id")
)
@click.option(
    "--status",
    metavar="STATE",
    callback=state_name,
    help="queued, provisioning, running, succeeded, failed, cancelled, timed_out, lost.",
)
@click.option("--project", metavar="NAME", help="Of this project only.")
@click.option("--tag", multiple=True, metavar="K=V", help="With this tag only. Repeatable: all of them.")
@click.option("--name", metavar="NAME", help="With this name only.")
@click.option("--script", metavar="PATH", help="Of this script only.")
@click.option("--since", metavar="TIME", help="Submitted since: 7d, 2h, or an ISO time.")
@click.option("--until", metavar="TIME", help="Submitted until: 7d, 2h (ago), or an ISO time.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@common
def command(api_url: str, as_json: bool, limit: int, since: str | None, until: str | None, **filters: Any) -> int:
    """List executions, newest first."""
    query = filters | {"since": since and since_words(since), "until": until and since_words(until)}
    items: list[dict[str, Any]] = []
    cursor, wire = None, api(api_url)
    while len(items) < limit:
        page = wire.get("/executions", **query, limit=min(PAGE, limit - len(items)), cursor=cursor)
        items += page["items"]
        cursor = page.get("next_cursor")
        if not cursor or not page["items"]:
            break
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("Nothing here yet." if not any(filters.values()) else "No execution matches.")
        following("rgrid run SCRIPT")
        return 0
    show_table([row(item) for item in items])
    following(
        f"rgrid status {items[0]['id']}" + (f"      more: {more(limit, since, until, filters)}" if cursor else "")
    )
    return 0


def more(limit: int, since: str | None, until: str | None, filters: dict[str, Any]) -> str:
    """What was typed, with more lines."""
    words = ["rgrid", "ps", "-n", str(limit * 5)]
    for name, value in {**filters, "since": since, "until": until}.items():
        for each in value if isinstance(value, tuple) else [value] if value else []:
            words += [f"--{name}", each]
    return shlex.join(words)


def show_table(rows: list[list[str]]) -> None:
    """Ids are never cut; a column where nothing stands is left out."""
    kept = [i for i in range(len(HEAD)) if any(row[i] != "-" for row in rows)]
    right = frozenset(kept.index(i) for i in (5, 6) if i in kept)
    table([HEAD[i] for i in kept], [[row[i] for i in kept] for row in rows], right=right, whole=frozenset({0}))


def running_seconds(item: dict[str, Any]) -> float | None:
    """How long it has been running; None when it does not run."""
    started = moment(item.get("started_at")) if item.get("status") == "running" else None
    return max(0.0, (datetime.now(UTC) - started).total_seconds()) if started else None


def shortened(path: str) -> str:
    """The end of a long path: it says more than its beginning. `--json` has it whole."""
    return path if len(path) <= PATH_CHARS_MAX else "…" + path[1 - PATH_CHARS_MAX :]


def row(item: dict[str, Any]) -> list[str]:
    """One line of the table."""
    cost = item.get("cost") or {}
    final = cost.get("final_micros")
    status = str(item.get("status"))
    return [
        item["id"],
        WORDS.get(status, status) + ("…" if item.get("cancelling") else ""),
        item.get("name") or "-",
        shortened((item.get("script") or {}).get("path", "-")),
        brief(item.get("submitted_at")) if sys.stdout.isatty() else clock(item.get("submitted_at")),
        duration(seconds_of(item) if item.get("finished_at") else running_seconds(item)),
        money(final if final is not None else cost.get("running_micros")),
    ]
