"""`rgrid down`: stop the grid of this machine."""

from __future__ import annotations

import click

from .options import AS_JSON, example
from .wire.embedded import become


@click.command(epilog=example("rgrid down", "RGRID_HOME=/tmp/try rgrid down"))
@AS_JSON
def command(as_json: bool) -> int:
    """Stop the grid of this machine. What it knows stays; `rgrid up` goes on from there."""
    return become("down", *(["--json"] if as_json else []))
