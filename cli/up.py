"""`rgrid up`: the grid of this machine, in the foreground or behind the terminal."""

from __future__ import annotations

import click

from .options import AS_JSON, example
from .wire.embedded import become


@click.command(epilog=example("rgrid up -d", "RGRID_HOME=/tmp/try rgrid up"))
@click.option("-d", "--detach", is_flag=True, help="Behind the terminal: return when it is ready.")
@AS_JSON
def command(detach: bool, as_json: bool) -> int:
    """Start the grid of this machine; everything of it lives under RGRID_HOME (default ~/.rgrid)."""
    return become("up", *(["-d"] if detach else []), *(["--json"] if as_json else []))
