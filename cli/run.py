"""`rgrid run`: look at what is there, upload what is missing, submit once, follow, download, answer the script's code."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import Interrupted, UsageProblem
from .job import config
from .job.arguments import BEHIND, RunCommand
from .job.script import checked
from .options import API_URL, AS_JSON, emit, example
from .terminal.screen import following
from .wire.grid import find
from .wire.transport import Api

if TYPE_CHECKING:
    from .job.inputs import Plan

EPILOG = example(
    "rgrid run wordcount.py books/alice.txt",
    "rgrid run train.py -d --timeout 2h --memory 8g -- --lr 0.1",
    "rgrid run report.py --input data/ -o results > report.txt",
)


@click.command(cls=RunCommand, epilog=EPILOG)
@click.argument("script")
@click.argument("args", nargs=-1)
@click.option("-d", "--detach", is_flag=True, default=None, help="Submit, print the id, do not follow.")
@click.option("--remote-only", is_flag=True, default=None, help="Leave the outputs on the grid.")
@click.option("-o", "--output", metavar="DIR", help="Where outputs go (default ./outputs/<id>).")
@click.option("--input", multiple=True, metavar="FILE|DIR", help="Take this along too. Repeatable.")
@click.option(
    "--env", multiple=True, metavar="K=V", help="Set a variable for the script; K alone passes yours. Repeatable."
)
@click.option("--runtime", metavar="NAME", help="python, node or sh (default: by extension or #! line).")
@click.option("--cpu", metavar="CORES", help="Cores, such as 2, 0.5 or 500m (default 1).")
@click.option("--memory", metavar="SIZE", help="Memory, such as 512m or 8g (default 2g, or all of a smaller machine).")
@click.option("--disk", metavar="SIZE", help="Room for the files it writes, such as 50g (default 10g).")
@click.option("--timeout", metavar="TIME", help="End it after 90, 5m or 1h (default 1h).")
@click.option(
    "--network",
    is_flag=True,
    default=None,
    help="Let the script reach all that its node reaches, the node itself too (default: nothing).",
)
@click.option("--retries", metavar="N", help="Run it again up to N times when the script fails (default 0).")
@click.option("--tag", multiple=True, metavar="K=V", help="A label to filter and add up by. Repeatable.")
@click.option("--name", metavar="NAME", help="A name to find it by.")
@click.option("--project", metavar="NAME", help="The project it belongs to (default 'default').")
@click.option("--priority", metavar="N", help="Higher goes first (default 0).")
@AS_JSON
@API_URL
@click.pass_context
def command(ctx: click.Context, script: str, args: tuple[str, ...], as_json: bool, api_url: str, **flags: Any) -> int:
    """Run SCRIPT on the grid with ARGS, print its output as it comes and bring the files it writes home.

    An argument that names an existing file or folder is uploaded, and the script sees it at the same relative path.
    rgrid's options may stand before or after the script; what stands behind -- goes to the script untouched.

    The exit code is the script's own; 2 wrong usage, 4 not signed in, 124 timed out, 125 the platform's fault, 130
    cancelled. With --json stdout carries the ended execution as one object, and the script's output goes to stderr.
    Ctrl-C detaches, twice cancels; where no terminal is, it cancels.
    """
    if not script:
        raise UsageProblem("The name of the script is empty.", "Type the path of a script: rgrid run SCRIPT")
    path = Path(script)
    options = config.settings(flags, path if path.is_file() and os.access(path, os.R_OK) else None)
    _, runtime = checked(script, str(options.get("runtime", "")))
    from .job.inputs import plan
    from .job.noticed import notice
    from .job.request import request_of

    files = plan(path, args, ctx.meta[BEHIND], options.get("input", []))
    body = request_of(options, runtime, files.args, os.environ)
    check_folder(options.get("output"))
    notice(path, runtime, args, files)
    return queued(path, files, body, options, api_url, as_json)


def queued(path: Path, files: Plan, body: dict[str, Any], options: dict[str, Any], api_url: str, as_json: bool) -> int:
    """Submit what was found to be in order, then follow it to its end; the exit code."""
    from .job.submit import submit, tell_submitted
    from .wire.interrupt import Interrupts

    api = Api(find(api_url, start=True))
    with Interrupts(raising=True) as interrupts:
        try:
            sent = submit(api, path, files, body, interrupts, key=secrets.token_hex(16))
        except KeyboardInterrupt:
            raise Interrupted("Interrupted before anything was queued.") from None
        tell_submitted(sent)
        execution = str(sent.answer["id"])
        if options.get("detach"):
            return left(sent.answer, as_json)
        from .terminal.watch import watched
        from .wire.arrival import bring_home

        folder = options.get("output")
        arrival = None if options.get("remote-only") else bring_home(api, Path(folder) if folder else None)
        return watched(api, execution, interrupts, as_json=as_json, arrival=arrival)


def left(answer: dict[str, Any], as_json: bool) -> int:
    """Detached: its id on stdout, or the answer as JSON."""
    if as_json:
        emit(answer)
    else:
        click.echo(answer["id"])
    following(f"rgrid attach {answer['id']}")
    return 0


def check_folder(folder: str | None) -> None:
    """Raise UsageProblem when outputs could not go there, before anything runs."""
    if folder and os.path.lexists(folder) and not Path(folder).is_dir():
        raise UsageProblem(f"-o {folder}: there is a file of that name, not a folder.")
