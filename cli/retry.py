"""`rgrid retry ID...`: run ended executions again, with the same script, inputs and arguments."""

from __future__ import annotations

from typing import Any

import click

from .errors import CliError, UsageProblem
from .options import api, common, emit, example
from .terminal.screen import clean, failure, following, state, tell
from .terminal.typed import execution_id
from .wire.transport import Api, segment


@click.command(epilog=example("rgrid retry exec_7f3k2m", "rgrid retry --failed --tag exp=a"))
@click.argument("executions", nargs=-1, metavar="[ID]...", callback=execution_id)
@click.option("--failed", is_flag=True, help="All that failed, timed out or were lost (with the filters).")
@click.option("--tag", multiple=True, metavar="K=V", help="With --failed: only with this tag. Repeatable.")
@click.option("--project", metavar="NAME", help="With --failed: only of this project.")
@common
def command(executions: tuple[str, ...], failed: bool, api_url: str, as_json: bool, **filters: Any) -> int:
    """Run ended executions again. It stays the same execution, with one attempt more."""
    if not executions and not failed:
        raise UsageProblem(
            "Which one? Give an ID, or --failed.", "rgrid retry @last      rgrid retry --failed --tag K=V"
        )
    wire = api(api_url)
    ids = list(executions) + (failed_ids(wire, filters) if failed else [])
    worst, last = 0, ""
    for each in ids:
        try:
            answer = wire.post(f"/executions/{segment(each)}/retry")
        except CliError as refused:
            if len(ids) == 1:
                raise
            failure(f"{clean(each)}: {clean(refused.message)}")
            worst = max(worst, refused.exit_code)
            continue
        last = answer["id"]
        if as_json:
            emit(answer)
        else:
            state("busy", "queued", f"{last} · another attempt")
    if not ids:
        tell("Nothing failed that matches.")
    if last and not as_json:
        following(f"rgrid attach {last}")
    return worst


def failed_ids(wire: Api, filters: dict[str, Any]) -> list[str]:
    """The ids of all that ended badly and match."""
    found: list[str] = []
    for status in ("failed", "timed_out", "lost"):
        cursor = None
        while True:
            page = wire.get("/executions", **filters, status=status, limit=200, cursor=cursor)
            found += [item["id"] for item in page["items"]]
            cursor = page.get("next_cursor")
            if not cursor:
                break
    return found
