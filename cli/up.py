"""`rgrid up`: the grid of this machine, in the foreground or behind the terminal."""

from __future__ import annotations

import click

from .options import example
from .wire.embedded import become


@click.command(epilog=example("rgrid up -d", "RGRID_HOME=/tmp/try rgrid up"))
@click.option("-d", "--detach", is_flag=True, help="Behind the terminal: return when it is ready.")
def command(detach: bool) -> int:
    """Start the grid of this machine; everything of it lives under RGRID_HOME (default ~/.rgrid)."""
    return become("up", *(["-d"] if detach else []))
