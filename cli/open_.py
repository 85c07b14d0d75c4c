"""`rgrid open`: where the grid is."""

from __future__ import annotations

import click

from .options import api, common, emit, example
from .terminal.screen import following, show


@click.command(name="open", epilog=example("rgrid open", "curl $(rgrid open)/healthz"))
@common
def command(api_url: str, as_json: bool) -> int:
    """Print the address of the grid."""
    grid = api(api_url).grid
    if as_json:
        emit({"url": grid.url, "api": f"{grid.url}/api/v1"})
        return 0
    show(grid.url)
    following("rgrid ps")
    return 0
