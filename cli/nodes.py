"""`rgrid nodes`: the machines of the grid."""

from __future__ import annotations

from typing import Any

import click

from .options import api, common, emit, example
from .terminal.formats import clock, size
from .terminal.screen import following, tell
from .terminal.table import table


@click.group(invoke_without_command=True, epilog=example("rgrid nodes", "rgrid nodes ls --json"))
@common
@click.pass_context
def command(ctx: click.Context, api_url: str, as_json: bool) -> int:
    """List the machines of the grid."""
    return int(ctx.invoke(ls, api_url=api_url, as_json=as_json)) if ctx.invoked_subcommand is None else 0


@command.command(epilog=example("rgrid nodes ls", "rgrid nodes ls --json"))
@common
def ls(api_url: str, as_json: bool) -> int:
    """List the machines of the grid."""
    items = api(api_url).get("/nodes")["items"]
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("No node has joined yet.")
        following("rgrid doctor")
        return 0
    table(
        ("NODE", "STATUS", "TYPE", "CPU", "MEMORY", "SANDBOX", "JOINED"),
        [row(item) for item in items],
        right=frozenset({3, 4}),
    )
    following("rgrid ps")
    return 0


def row(item: dict[str, Any]) -> list[str]:
    return [
        str(item.get("id") or item.get("node_id")),
        str(item.get("status", "-")),
        str(item.get("node_type") or item.get("type") or "-"),
        f"{(item.get('cpu_millis') or 0) / 1000:g}",
        size(item.get("memory_bytes")),
        str(item.get("sandbox") or "-"),
        clock(item.get("joined_at")),
    ]
