"""`rgrid down`: stop the grid of this machine."""

from __future__ import annotations

import click

from .options import example
from .wire.embedded import become


@click.command(epilog=example("rgrid down", "RGRID_HOME=/tmp/try rgrid down"))
def command() -> int:
    """Stop the grid of this machine. What it knows stays; `rgrid up` goes on from there."""
    return become("down")
