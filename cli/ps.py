"""`rgrid ps`: executions as a table, newest first."""

from __future__ import annotations

from typing import Any

import click

from .options import api, common, emit, example
from .terminal.formats import clock, duration, money
from .terminal.outcome import WORDS, seconds_of
from .terminal.screen import following, tell
from .terminal.table import table
from .terminal.times import since_words

PAGE = 200
HEAD = ("ID", "STATUS", "NAME", "SCRIPT", "SUBMITTED", "TOOK", "COST")


@click.command(
    epilog=example("rgrid ps", "rgrid ps --status failed --since 7d --tag exp=a", "rgrid ps --json | jq .id")
)
@click.option(
    "--status", metavar="STATE", help="queued, provisioning, running, succeeded, failed, cancelled, timed_out, lost."
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
    table(HEAD, [row(item) for item in items], right=frozenset({5, 6}))
    following(f"rgrid status {items[0]['id']}" + (f"      more: rgrid ps -n {limit * 5}" if cursor else ""))
    return 0


def row(item: dict[str, Any]) -> list[str]:
    """One line of the table."""
    cost = item.get("cost") or {}
    final = cost.get("final_micros")
    status = str(item.get("status"))
    return [
        item["id"],
        WORDS.get(status, status) + ("…" if item.get("cancelling") else ""),
        item.get("name") or "-",
        (item.get("script") or {}).get("path", "-"),
        clock(item.get("submitted_at")),
        duration(seconds_of(item)),
        money(final if final is not None else cost.get("running_micros")),
    ]
