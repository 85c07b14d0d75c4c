"""`rgrid events ID`: the history of an execution as a story, one event a line."""

from __future__ import annotations

from typing import Any

import click

from .batch.which import LAST, found
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import between, clock
from .terminal.gist import gist
from .terminal.screen import following, show
from .terminal.table import table
from .wire.transport import segment


@click.command(epilog=example("rgrid events exec_7f3k2m", "rgrid events @last --json | jq -r .type"))
@EXECUTION
@common
def command(execution: str, api_url: str, as_json: bool) -> int:
    """Tell the history of an execution or batch as it stands in the log; times count from the submit."""
    wire = api(api_url)
    kind = "batches" if execution.startswith("batch_") else "executions"
    if not as_json or execution == LAST:
        execution = found(wire, execution)["id"]
        kind = "batches" if execution.startswith("batch_") else "executions"
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = wire.get(f"/{kind}/{segment(execution)}/events", cursor=cursor)
        items += page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            break
    if as_json:
        for item in items:
            emit(item)
        return 0
    start = items[0]["at"] if items else None
    if start:
        show(f"{execution} · submitted {clock(start, millis=True)}")
    rows = [
        [item["sequence"], after(start, item["at"]), item["type"], gist(item["type"], item.get("data") or {})]
        for item in items
    ]
    table(("SEQUENCE", "AFTER", "EVENT", "WHAT HAPPENED"), rows, right=frozenset({0, 1}))
    following(f"rgrid why {execution}")
    return 0


def after(start: str | None, at: str) -> str:
    """`+0.042 s` since the first event."""
    return f"+{between(start, at) or 0:.3f} s"
