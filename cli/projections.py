"""`rgrid projections rebuild`: the read models anew from the log, or a check that they equal it."""

from __future__ import annotations

import click

from .options import AS_JSON, example
from .wire.embedded import become_module


@click.group(epilog=example("rgrid projections rebuild --check"))
def command() -> None:
    """Rebuild the read models from the log, or check them."""


@command.command(epilog=example("rgrid projections rebuild", "rgrid projections rebuild --check"))
@click.option("--check", is_flag=True, help="Rebuild beside the live ones, compare, change nothing.")
@AS_JSON
def rebuild(check: bool, as_json: bool) -> int:
    """Rebuild every read model of this machine's grid from its log, while reads go on."""
    return become_module("services.local.rebuild", *(["--check"] if check else []), *(["--json"] if as_json else []))
