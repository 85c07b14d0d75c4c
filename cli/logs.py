"""`rgrid logs ID`: what an execution wrote, as it wrote it; -f follows it to its end."""

from __future__ import annotations

import sys
from typing import Any

import click

from .errors import EXIT_CANCELLED
from .options import EXECUTION, api, common, example
from .terminal.loglines import Lines
from .terminal.outcome import exit_code
from .terminal.screen import following
from .terminal.times import since_words
from .wire.interrupt import Interrupts
from .wire.transport import Api, segment


@click.command(
    epilog=example(
        "rgrid logs exec_7f3k2m", "rgrid logs @last -f --tail 100", "rgrid logs @last --stream stderr --timestamps"
    )
)
@EXECUTION
@click.option("-f", "--follow", is_flag=True, help="Go on until it has ended; the exit code is that of `rgrid run`.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="The last N lines only.")
@click.option("--since", metavar="TIME", help="What was written since: 5m (ago), or an ISO time.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt (default: the last one).")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="One of the two streams only.")
@click.option("--timestamps", is_flag=True, help="The time (UTC) before every line.")
@common
def command(execution: str, follow: bool, timestamps: bool, api_url: str, as_json: bool, **which: Any) -> int:
    """Print what an execution wrote: its stdout to stdout, its stderr to stderr.

    With --timestamps or --json everything goes to stdout, a line each.
    """
    wire = api(api_url)
    doc = wire.get(f"/executions/{segment(execution)}")
    if which["since"]:
        which["since"] = since_words(which["since"])
    lines = Lines(as_json, timestamps, which.pop("since") if follow else None)
    if follow:
        return followed(wire, doc["id"], lines, which)
    history(wire, doc["id"], lines, which)
    following(f"rgrid logs {doc['id']} -f" if not doc.get("finished_at") else f"rgrid status {doc['id']}")
    return 0


def history(wire: Api, execution: str, lines: Lines, which: dict[str, Any]) -> None:
    """What is there now. Both streams in their order come as frames of JSON heads; one stream comes raw."""
    query = {name: value for name, value in which.items() if value is not None}
    if which["stream"] and not lines.per_line:
        for piece in wire.stream(f"/executions/{segment(execution)}/logs", **query, format="raw"):
            sys.stdout.buffer.write(piece)
    else:
        lines.records(wire.stream(f"/executions/{segment(execution)}/logs", **query, format="ndjson"))
    sys.stdout.buffer.flush()


def followed(wire: Api, execution: str, lines: Lines, which: dict[str, Any]) -> int:
    """Live, to the end."""
    from .terminal.watch import Watch

    with Interrupts() as interrupts:
        watch = Watch(wire, execution, interrupts, reading=True)
        if lines.per_line or lines.since:
            watch.on_chunk = lines.chunk  # type: ignore[method-assign]
        doc = watch.follow(
            attempt=which["attempt"], stream=which["stream"], tail=which["tail"], only=bool(which["attempt"])
        )
        lines.flush()
    if doc is None:
        return EXIT_CANCELLED
    following(f"rgrid status {execution}")
    return exit_code(doc)
