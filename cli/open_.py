"""`rgrid open`: where the grid is, or one execution or batch on it."""

from __future__ import annotations

import click

from .batch.which import found, is_batch
from .options import api, common, emit, example
from .terminal.screen import following, show
from .terminal.typed import optional_id


@click.command(name="open", epilog=example("rgrid open", "curl $(rgrid open)/healthz", "rgrid open @last"))
@click.argument("execution", metavar="[ID]", required=False, callback=optional_id)
@common
def command(execution: str | None, api_url: str, as_json: bool) -> int:
    """Print the address of the grid, or of one execution or batch in its API."""
    wire = api(api_url)
    url = wire.grid.url
    if execution is None:
        if as_json:
            emit({"url": url, "api": f"{url}/api/v1"})
            return 0
        show(url)
        following("rgrid ps")
        return 0
    doc = found(wire, execution)
    address = f"{url}/api/v1/{'batches' if is_batch(doc) else 'executions'}/{doc['id']}"
    if as_json:
        emit({"url": address, "id": doc["id"]})
        return 0
    show(address)
    following(f"rgrid status {doc['id']}")
    return 0
