"""`rgrid logs ID`: what an execution wrote, as it wrote it; -f follows it to its end."""

from __future__ import annotations

import sys
from typing import Any

import click

from .errors import EXIT_CANCELLED, UsageProblem
from .options import EXECUTION, api, common, example
from .terminal.loglines import Lines
from .terminal.outcome import ENDED, exit_code
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
@click.option("--tail", type=click.IntRange(1, 100_000), metavar="N", help="The last N lines only.")
@click.option("--since", metavar="TIME", help="What was written since: 5m (ago), or an ISO time.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt only (default: all, in order).")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="One of the two streams only.")
@click.option("--timestamps", is_flag=True, help="The time (UTC) before every line.")
@common
def command(execution: str, follow: bool, timestamps: bool, api_url: str, as_json: bool, **which: Any) -> int:
    """Print what an execution wrote: its stdout to stdout, its stderr to stderr, byte for byte.

    With --timestamps or --json everything goes to stdout, a line each.
    """
    wire = api(api_url)
    if execution.startswith("batch_"):
        raise no_log(wire, execution)
    doc = wire.get(f"/executions/{segment(execution)}")
    which["since"] = since_words(which["since"]) if which["since"] is not None else None
    awaited = follow and doc.get("status") not in ENDED
    if not awaited and (which["attempt"] or 0) > (had := int(doc.get("attempt") or 0)):
        raise UsageProblem(f"There is no attempt {which['attempt']} of {doc['id']}: it had {had} so far.")
    lines = Lines(as_json, timestamps, which["since"])
    if follow or (doc.get("status") in ENDED and not lines.per_line):
        code = to_the_end(wire, doc["id"], lines, which)
        next_line(f"rgrid status {doc['id']}", as_json)
        return code if follow else 0
    so_far(wire, doc["id"], lines, which)
    next_line(f"rgrid {'status' if doc.get('status') in ENDED else 'logs -f'} {doc['id']}", as_json)
    return 0


def no_log(wire: Api, word: str) -> UsageProblem:
    """A batch has no log of its own: which of its members to look at."""
    from .batch.look import failures

    doc = wire.get(f"/batches/{segment(word)}")
    failed = failures(wire, doc)
    one = failed[0]["example"]["id"] if failed else "exec_…"
    listed = f"rgrid batch {doc['id']} --members"
    return UsageProblem(
        f"{doc['id']} is a batch: each of its {doc['count']:,} members has a log of its own.",
        f"{'One that failed' if failed else 'One of them'}: rgrid logs {one}      Their ids: {listed}",
    )


def next_line(command: str, as_json: bool) -> None:
    """The next command, unless a program reads."""
    if not as_json:
        following(command)


def to_the_end(wire: Api, execution: str, lines: Lines, which: dict[str, Any]) -> int:
    """Live, chunk by chunk; the exit code of the execution. Ctrl-C ends the reading only."""
    from .terminal.watch import Watch
    from .wire.follow import Follower, check_complete

    with Interrupts() as interrupts:
        watch = Watch(wire, execution, interrupts, reading=True)
        sink = watch.sink()
        if lines.per_line or lines.since:
            sink.chunk = lines.chunk
        cursor = {name: which[name] for name in ("attempt", "stream", "tail")}
        follower = Follower(wire, execution, sink, interrupts, only=bool(which["attempt"]), **cursor)
        end = watch.followed(follower)
        lines.flush()
    if end is None:
        return EXIT_CANCELLED
    if end.get("status") in ("succeeded", "failed", "timed_out"):
        check_complete(follower)
    return exit_code(end)


def so_far(wire: Api, execution: str, lines: Lines, which: dict[str, Any]) -> None:
    """What there is now. Both streams on one terminal come line by line, in order; else each as its bytes."""
    path = f"/executions/{segment(execution)}/logs"
    query = {name: value for name, value in which.items() if value is not None}
    if lines.per_line or (which["stream"] is None and sys.stdout.isatty()):
        lines.records(wire.stream(path, **query, format="ndjson"))
        return
    for stream in [which["stream"]] if which["stream"] else ["stdout", "stderr"]:
        for piece in wire.stream(path, **{**query, "stream": stream}, format="raw"):
            lines.raw(stream, piece)
    lines.flush()
