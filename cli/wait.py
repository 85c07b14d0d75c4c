"""`rgrid wait ID`: block until it has ended; answer its exit code."""

from __future__ import annotations

import time
from typing import Any

import click

from .batch.which import found, is_batch
from .errors import CliError, Unreachable
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import parse_duration
from .terminal.outcome import ENDED, closing, exit_code, next_after
from .terminal.screen import warn
from .wire.transport import Api, segment

ROUND_SECONDS = 25.0


@click.command(epilog=example("rgrid wait exec_7f3k2m && echo done", "rgrid wait @last --json"))
@EXECUTION
@click.option("--timeout", metavar="TIME", help="Stop waiting after 90, 5m or 1h (exit code 125); it goes on.")
@common
def command(execution: str, timeout: str | None, api_url: str, as_json: bool) -> int:
    """Block until an execution, or all of a batch, has ended. The exit code is that of `rgrid run`."""
    try:
        deadline = time.monotonic() + parse_duration(timeout) if timeout else None
    except ValueError as wrong:
        raise click.UsageError(f"--timeout: {wrong}") from None
    wire = api(api_url)
    doc = found(wire, execution)
    if is_batch(doc):
        from .batch.waiting import wait_batch

        return wait_batch(wire, doc, deadline, as_json=as_json)
    doc = ended(wire, doc, deadline)
    if as_json:
        emit(doc)
        return exit_code(doc)
    closing(doc)
    next_after(doc)
    return exit_code(doc)


def ended(wire: Api, doc: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    """The document once it has ended; raises CliError at the deadline. A grid that is away is waited for."""
    told = False
    while doc.get("status") not in ENDED:
        left = ROUND_SECONDS if deadline is None else min(ROUND_SECONDS, deadline - time.monotonic())
        if left <= 0:
            raise CliError(f"{doc['id']} has not ended yet.", f"Wait on: rgrid wait {doc['id']}", code="WAIT_TIMED_OUT")
        try:
            doc = wire.get(f"/executions/{segment(doc['id'])}/wait", timeout_s=f"{max(0.1, left):.1f}")
            told = False
        except Unreachable as away:
            if not told:
                warn(f"the grid does not answer; still waiting … ({away.message})")
                told = True
            time.sleep(1.0)
    return doc
