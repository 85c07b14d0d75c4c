"""`rgrid retry ID...`: run ended executions again: one, those of a batch that failed, or by filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .errors import CliError, UsageProblem
from .options import DRY_RUN, api, common, emit, example, filtered, query_of
from .terminal.outcome import ENDED, FAILURES
from .terminal.screen import clean, failure, following, state, typed
from .terminal.typed import execution_id
from .wire.transport import Api, segment


@click.command(
    epilog=example(
        "rgrid retry exec_7f3k2m",
        "rgrid retry batch_7f3k2m --failed --script process.py",
        "rgrid retry --failed --tag exp=a --since 2d --dry-run",
    )
)
@click.argument("executions", nargs=-1, metavar="[ID]...", callback=execution_id)
@click.option("--failed", is_flag=True, help="Those that failed, timed out or were lost (a batch: the default).")
@click.option("--cancelled", is_flag=True, help="Those that were cancelled.")
@click.option("--all", "every", is_flag=True, help="All that have ended, the succeeded too.")
@click.option("--script", metavar="FILE", help="Of a batch: they run this one from now on.")
@filtered
@DRY_RUN
@common
def command(
    executions: tuple[str, ...],
    failed: bool,
    cancelled: bool,
    every: bool,
    script: str | None,
    dry_run: bool,
    api_url: str,
    as_json: bool,
    **filters: Any,
) -> int:
    """Run ended executions again. Each stays the same execution, with one attempt more, and the same inputs.

    ID may be a batch: those of it that failed run again, or were cancelled, or all. Without ID: --failed, --cancelled,
    --all or --status, and filters, all of which must match. When it breaks off, type the same again: it goes on.
    """
    statuses = chosen(failed, cancelled, every, filters.get("status"))
    if not executions and not statuses:
        raise UsageProblem(
            "Which one? Give an ID, or --failed.", "rgrid retry @last      rgrid retry --failed --tag K=V"
        )
    if executions and any(filters.values()):
        raise UsageProblem("Either IDs or filters, not both.", "rgrid retry --failed --tag K=V")
    if script and not executions:
        raise UsageProblem("--script is for a batch.", "rgrid retry @last --failed --script FILE")
    wire = api(api_url)
    if executions:
        mended = Path(script) if script else None
        return by_id(wire, executions, statuses, mended, dry_run=dry_run, as_json=as_json)
    return by_filter(wire, filters, statuses, dry_run=dry_run, as_json=as_json)


def chosen(failed: bool, cancelled: bool, every: bool, status: str | None) -> tuple[str, ...]:
    """The statuses that are meant; none when nothing was said. Raises UsageProblem."""
    if status and status not in ENDED:
        raise UsageProblem(f"--status {status}: what has not ended cannot run again.", "First: rgrid cancel ID")
    if status and (failed or cancelled or every):
        raise UsageProblem("--status says which; leave out --failed, --cancelled and --all.")
    if every:
        return ENDED
    return (*(FAILURES if failed else ()), *(("cancelled",) if cancelled else ()), *((status,) if status else ()))


def by_id(
    wire: Api, ids: tuple[str, ...], statuses: tuple[str, ...], script: Path | None, *, dry_run: bool, as_json: bool
) -> int:
    """Those that were named; the exit code is that of the worst refusal."""
    from .bulk.again import retry_batch
    from .bulk.selection import batch_meant

    worst, last = 0, ""
    for each in ids:
        try:
            batch = batch_meant(wire, each)
            if batch:
                last = retry_batch(wire, batch, statuses or FAILURES, script, dry_run=dry_run, as_json=as_json) or last
                continue
            last = one(wire, each, statuses, script, dry_run=dry_run, as_json=as_json) or last
        except CliError as refused:
            if len(ids) == 1:
                raise
            failure(f"{clean(each)}: {clean(refused.message)}")
            worst = max(worst, refused.exit_code)
    if last and not as_json and not dry_run:
        following(f"rgrid attach {last}")
    return worst


def one(wire: Api, text: str, statuses: tuple[str, ...], script: Path | None, *, dry_run: bool, as_json: bool) -> str:
    """One execution again; its id, or nothing when it did not end as was asked for."""
    if script:
        raise UsageProblem(f"{clean(text)} is no batch.", f"A new run of it: rgrid run {typed(script)} …")
    if statuses or dry_run:
        doc = wire.get(f"/executions/{segment(text)}")
        meant = doc["status"] in (statuses or ENDED)
        if dry_run or not meant:
            word = "would run again" if meant else "would not run again" if dry_run else "does not run again"
            if as_json:
                emit({"id": doc["id"], "status": doc["status"], "meant": meant, "dry_run": dry_run})
            else:
                state("quiet", doc["status"], f"{doc['id']} {word}")
            return ""
    answer = wire.post(f"/executions/{segment(text)}/retry")
    if as_json:
        emit(answer)
    else:
        state("busy", "queued", f"{answer['id']} · another attempt")
    return str(answer["id"])


def by_filter(wire: Api, filters: dict[str, Any], statuses: tuple[str, ...], *, dry_run: bool, as_json: bool) -> int:
    """All that match and ended so; the exit code."""
    from .bulk.again import retry_selection
    from .bulk.posting import emit_none, show_selection
    from .bulk.selection import selected

    found = selected(wire, query_of(filters), statuses)
    if not len(found):
        emit_none("retry", dry_run=dry_run) if as_json else state("quiet", "none", "nothing that matches ended so")
        return 0
    show_selection(found, "queued", dry_run=dry_run, as_json=as_json)
    return 0 if dry_run else retry_selection(wire, found, statuses, as_json=as_json)
