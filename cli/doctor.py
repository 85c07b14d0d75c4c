"""`rgrid doctor`: what is wrong with this set-up, and what to do about it."""

from __future__ import annotations

import click

from .options import AS_JSON, example
from .wire.embedded import become


@click.command(epilog=example("rgrid doctor", "rgrid doctor --json"))
@AS_JSON
def command(as_json: bool) -> int:
    """Check this set-up part by part and say what to do about what is wrong."""
    return become("doctor", *(["--json"] if as_json else []))
