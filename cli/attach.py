"""`rgrid attach ID`: follow a running execution again, exactly as `run` does."""

from __future__ import annotations

from pathlib import Path

import click

from .batch.which import found, is_batch
from .options import EXECUTION, api, common, example


@click.command(epilog=example("rgrid attach exec_7f3k2m", "rgrid attach @last -o results", "rgrid attach batch_7f3k2m"))
@EXECUTION
@click.option("-o", "--output", metavar="DIR", help="Where outputs go (default ./outputs/<id>, of a batch ./outputs).")
@click.option("--remote-only", is_flag=True, help="Leave the outputs on the grid.")
@common
def command(execution: str, output: str | None, remote_only: bool, api_url: str, as_json: bool) -> int:
    """Print all that an execution wrote so far, follow it to its end and bring its outputs home. Of a batch: show its
    progress, and bring home what its members wrote.

    Exit code and Ctrl-C are those of `rgrid run`.
    """
    from .terminal.watch import watched
    from .wire.arrival import attach_again, bring_home
    from .wire.interrupt import Interrupts

    wire = api(api_url)
    doc = found(wire, execution)
    if is_batch(doc):
        from .batch.follow import follow_batch

        folder = Path(output or "outputs")
        return follow_batch(wire, doc["id"], folder=folder, watch=True, remote_only=remote_only, as_json=as_json)
    arrival = None if remote_only else bring_home(wire, Path(output) if output else None)
    back = attach_again(doc["id"], output, remote_only=remote_only)
    with Interrupts() as interrupts:
        return watched(wire, doc["id"], interrupts, as_json=as_json, arrival=arrival, back=back)
