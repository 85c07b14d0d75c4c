"""`rgrid cancel ID...`: ask for the end and see it; a batch as a whole, or by filter."""

from __future__ import annotations

from typing import Any

import click

from .errors import CliError, UsageProblem
from .options import DRY_RUN, api, common, emit, example, filtered, query_of
from .terminal.outcome import ENDED, WORDS
from .terminal.screen import clean, failure, following, state
from .terminal.typed import execution_id
from .wait import ended
from .wire.transport import Api, segment

OPEN = ("queued", "provisioning", "running")


@click.command(
    epilog=example(
        "rgrid cancel exec_7f3k2m", "rgrid cancel batch_7f3k2m", "rgrid cancel --tag exp=a --project ml --dry-run"
    )
)
@click.argument("executions", nargs=-1, metavar="[ID]...", callback=execution_id)
@filtered
@DRY_RUN
@click.option("--no-wait", is_flag=True, help="Do not wait until it is seen dead.")
@common
def command(
    executions: tuple[str, ...], no_wait: bool, dry_run: bool, api_url: str, as_json: bool, **filters: Any
) -> int:
    """Cancel executions or batches and wait until their processes are seen gone. What has ended stays as it is.

    Instead of an ID: filters, all of which must match. A batch that matches is cancelled as a whole; with --status
    only those of its executions that are in that state. When it breaks off, type the same again: it goes on.
    """
    wire = api(api_url)
    if any(filters.values()):
        if executions:
            raise UsageProblem("Either IDs or filters, not both.", "rgrid cancel --tag K=V")
        return by_filter(wire, filters, wait=not no_wait, dry_run=dry_run, as_json=as_json)
    if not executions:
        raise UsageProblem(
            "Which one? Give an ID or a filter.", "rgrid cancel @last      The open ones: rgrid ps --status running"
        )
    return by_id(wire, executions, wait=not no_wait, dry_run=dry_run, as_json=as_json)


def by_id(wire: Api, ids: tuple[str, ...], *, wait: bool, dry_run: bool, as_json: bool) -> int:
    """Those that were named; the exit code is that of the worst refusal."""
    from .bulk.ending import cancel_batch
    from .bulk.selection import batch_meant

    asked, worst = [], 0
    for each in ids:
        try:
            batch = batch_meant(wire, each)
            if dry_run:
                emit_would(wire, batch, each, as_json)
            elif batch:
                cancel_batch(wire, batch, wait=wait, as_json=as_json)
            else:
                asked.append(wire.post(f"/executions/{segment(each)}/cancel")["id"])
        except CliError as refused:
            if len(ids) == 1:
                raise
            failure(f"{clean(each)}: {clean(refused.message)}")
            worst = max(worst, refused.exit_code)
    for execution in asked:
        doc = wire.get(f"/executions/{segment(execution)}")
        report(ended(wire, doc, None) if wait else doc, as_json)
    if not as_json and not dry_run:
        following(f"rgrid events {asked[-1]}" if asked else "rgrid ps")
    return worst


def emit_would(wire: Api, batch: str, text: str, as_json: bool) -> None:
    """What would be cancelled."""
    doc = wire.get(f"/batches/{segment(batch)}" if batch else f"/executions/{segment(text)}")
    if as_json:
        emit({"id": doc["id"], "status": doc["status"], "dry_run": True})
    else:
        already = "it has ended: nothing would change" if doc["status"] in ENDED else "would be cancelled"
        state("quiet", WORDS.get(doc["status"], doc["status"]), f"{doc['id']} · {already}")


def by_filter(wire: Api, filters: dict[str, Any], *, wait: bool, dry_run: bool, as_json: bool) -> int:
    """All that match and are open; the exit code."""
    from .bulk.ending import cancel_selection
    from .bulk.posting import emit_none, show_selection
    from .bulk.selection import selected

    status, query = filters.get("status"), query_of(filters)
    if status and status not in OPEN:
        raise UsageProblem(f"What is {WORDS.get(status, status)} has ended.", f"Open are: {', '.join(OPEN)}")
    found = selected(wire, query, (status,) if status else OPEN, whole=not status)
    if not len(found):
        emit_none("cancel", dry_run=dry_run) if as_json else state("quiet", "none", "no open execution matches")
        return 0
    show_selection(found, "cancelled", dry_run=dry_run, as_json=as_json)
    if dry_run:
        return 0
    return cancel_selection(wire, found, query, wait=wait, as_json=as_json, whole=not status)


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
