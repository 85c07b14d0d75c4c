"""`rgrid ps`: executions as a table, newest first; a batch is one line of it."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from typing import Any

import click

from .batch.counts import ended_count, failed_count
from .bulk.selection import ALONE, pages
from .options import api, common, emit, example
from .terminal.formats import brief, clock, duration, moment, money
from .terminal.outcome import WORDS, seconds_of
from .terminal.screen import following, tell
from .terminal.table import table
from .terminal.times import since_words
from .terminal.typed import optional_id, state_name
from .wire.transport import Api

PAGE = 200
PATH_CHARS_MAX = 40
HEAD = ("ID", "STATUS", "NAME", "SCRIPT", "SUBMITTED", "TOOK", "COST")


@click.command(
    epilog=example(
        "rgrid ps",
        "rgrid ps --status failed --since 7d --tag exp=a",
        "rgrid ps --batch @last",
        "rgrid ps --json | jq .id",
    )
)
@click.option("--batch", metavar="ID", callback=optional_id, help="The executions of this batch, one by one.")
@click.option("-a", "--all", "every", is_flag=True, help="Those of batches too, one by one.")
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
def command(
    batch: str | None,
    every: bool,
    api_url: str,
    as_json: bool,
    limit: int,
    since: str | None,
    until: str | None,
    **filters: Any,
) -> int:
    """List executions, newest first.

    A batch is one line, however many executions it has: how far it is and how many failed. With --status it is listed
    when any of its executions is in that state. --batch ID lists its executions, -a lists those of all batches.
    """
    query = filters | {"since": since and since_words(since), "until": until and since_words(until)}
    if batch and every:
        raise click.UsageError("--batch lists one batch, --all lists everything: type one of them.")
    wire = api(api_url)
    items, more_there = listed(wire, query, batch, limit) if batch or every else together(wire, query, limit)
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("No executions match." if batch or any(query.values()) else "No executions yet.")
        following("rgrid ps" if batch or any(query.values()) else "rgrid run SCRIPT")
        return 0
    show_table([batch_row(item) if "count" in item else row(item) for item in items])
    following(
        f"{next_verb(items[0])}"
        + (f"      more: {more(limit, since, until, {**filters, 'batch': batch}, every=every)}" if more_there else "")
    )
    return 0


def listed(wire: Api, query: dict[str, Any], batch: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """At most `limit` executions, and whether there are more."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < limit:
        page = wire.get("/executions", **query, batch=batch, limit=min(PAGE, limit - len(found)), cursor=cursor)
        found += page["items"]
        cursor = page.get("next_cursor")
        if not cursor or not page["items"]:
            break
    return found, bool(cursor)


def together(wire: Api, query: dict[str, Any], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Executions that belong to no batch, and batches, as one list; whether there is more."""
    single, more_single = listed(wire, query, ALONE, limit)
    batches, more_batches = batches_of(wire, query, limit)
    both = sorted([*single, *batches], key=lambda item: str(item.get("submitted_at") or ""), reverse=True)
    return both[:limit], more_single or more_batches or len(both) > limit


def batches_of(wire: Api, query: dict[str, Any], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Batches that match, by the state of any of their executions and by their script too."""
    asked = {name: value for name, value in query.items() if name not in ("status", "script")}
    status, script = query.get("status"), query.get("script")
    found: list[dict[str, Any]] = []
    for item in pages(wire, "/batches", asked):
        if status and not (item.get("counts") or {}).get(status):
            continue
        ran = item.get("script") or {}
        path = str(ran.get("path") or "")
        if script and script not in (path, path.rpartition("/")[2], ran.get("sha256")):
            continue
        found.append(item)
        if len(found) > limit:
            break
    return found[:limit], len(found) > limit


def next_verb(item: dict[str, Any]) -> str:
    return f"rgrid ps --batch {item['id']}" if "count" in item else f"rgrid status {item['id']}"


def more(limit: int, since: str | None, until: str | None, filters: dict[str, Any], *, every: bool = False) -> str:
    """What was typed, with more lines."""
    words = ["rgrid", "ps", "-n", str(limit * 5)] + (["--all"] if every else [])
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
        item.get("member") or item.get("name") or "-",
        shortened((item.get("script") or {}).get("path", "-")),
        brief(item.get("submitted_at")) if sys.stdout.isatty() else clock(item.get("submitted_at")),
        duration(seconds_of(item) if item.get("finished_at") else running_seconds(item)),
        money(final if final is not None else cost.get("running_micros")),
    ]


def batch_row(item: dict[str, Any]) -> list[str]:
    """One line for all of a batch."""
    total, bad = int(item.get("count") or 0), failed_count(item)
    status, open_ones = str(item.get("status")), total - ended_count(item)
    far = f" {100 * (total - open_ones) // max(1, total)} %" if open_ones else ""
    runs = f"{total:,} runs" + (f", {bad:,} failed" if bad else "")
    started = None if item.get("finished_at") else moment(item.get("started_at"))
    running = max(0.0, (datetime.now(UTC) - started).total_seconds()) if started else None
    return [
        item["id"],
        status + far + ("…" if item.get("cancelling") else ""),
        f"{item['name']} · {runs}" if item.get("name") else runs,
        shortened((item.get("script") or {}).get("path", "-")),
        brief(item.get("submitted_at")) if sys.stdout.isatty() else clock(item.get("submitted_at")),
        duration(seconds_of(item) if item.get("finished_at") else running),
        money((item.get("cost") or {}).get("charged_micros")),
    ]
