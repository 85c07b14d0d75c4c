"""`rgrid cancel ID...`: ask for the end and see it; or by filter."""

from __future__ import annotations

from typing import Any

import click

from .errors import CliError, UsageProblem
from .options import api, common, emit, example
from .terminal.outcome import ENDED, WORDS
from .terminal.screen import clean, failure, following, state
from .terminal.typed import execution_id
from .wait import ended
from .wire.transport import Api, segment

OPEN = ("queued", "provisioning", "running")


@click.command(epilog=example("rgrid cancel exec_7f3k2m", "rgrid cancel --tag exp=a --project ml"))
@click.argument("executions", nargs=-1, metavar="[ID]...", callback=execution_id)
@click.option("--tag", multiple=True, metavar="K=V", help="All open ones with this tag. Repeatable.")
@click.option("--project", metavar="NAME", help="All open ones of this project.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is seen dead.")
@common
def command(executions: tuple[str, ...], no_wait: bool, api_url: str, as_json: bool, **filters: Any) -> int:
    """Cancel executions and wait until their processes are seen gone. To cancel one that has ended changes nothing."""
    wire = api(api_url)
    ids = list(executions) + (open_ids(wire, filters) if any(filters.values()) else [])
    if not executions and not any(filters.values()):
        raise UsageProblem(
            "Which one? Give an ID or a filter.", "rgrid cancel @last      The open ones: rgrid ps --status running"
        )
    if not ids:
        state("quiet", "none", "no open execution matches")
    asked, worst = [], 0
    for each in ids:
        try:
            asked.append(wire.post(f"/executions/{segment(each)}/cancel")["id"])
        except CliError as refused:
            if len(ids) == 1:
                raise
            failure(f"{clean(each)}: {clean(refused.message)}")
            worst = max(worst, refused.exit_code)
    for execution in asked:
        doc = wire.get(f"/executions/{segment(execution)}")
        doc = doc if no_wait else ended(wire, doc, None)
        report(doc, as_json)
    if asked and not as_json:
        following(f"rgrid events {asked[-1]}")
    return worst


def open_ids(wire: Api, filters: dict[str, Any]) -> list[str]:
    """The ids of all that match and have not ended."""
    found: list[str] = []
    for status in OPEN:
        cursor = None
        while True:
            page = wire.get("/executions", **filters, status=status, limit=200, cursor=cursor)
            found += [item["id"] for item in page["items"]]
            cursor = page.get("next_cursor")
            if not cursor:
                break
    return list(dict.fromkeys(found))


def report(doc: dict[str, Any], as_json: bool) -> None:
    """One line, or one object, for one execution."""
    status = str(doc.get("status"))
    if as_json:
        emit(doc)
    elif status == "cancelled":
        state("stopped", "cancelled", doc["id"])
    elif status in ENDED:
        state("quiet", WORDS.get(status, status), f"{doc['id']} had ended before the cancel came")
    else:
        state("warn", "cancelling", doc["id"])
