"""`rgrid attach ID`: follow a running execution again, exactly as `run` does."""

from __future__ import annotations

from pathlib import Path

import click

from .options import EXECUTION, api, common, example
from .wire.transport import segment


@click.command(epilog=example("rgrid attach exec_7f3k2m", "rgrid attach @last -o results"))
@EXECUTION
@click.option("-o", "--output", metavar="DIR", help="Where outputs go (default ./outputs/<id>).")
@click.option("--remote-only", is_flag=True, help="Leave the outputs on the grid.")
@common
def command(execution: str, output: str | None, remote_only: bool, api_url: str, as_json: bool) -> int:
    """Print all that an execution wrote so far, follow it to its end and bring its outputs home.

    Exit code and Ctrl-C are those of `rgrid run`.
    """
    from .terminal.watch import watched
    from .wire.arrival import bring_home

    wire = api(api_url)
    doc = wire.get(f"/executions/{segment(execution)}")
    arrival = None if remote_only else bring_home(wire, Path(output) if output else None)
    return watched(wire, doc["id"], as_json=as_json, arrival=arrival)
