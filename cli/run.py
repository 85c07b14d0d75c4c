"""`rgrid run`: look at what is there, upload what is missing, submit once, follow, download, answer the script's code.

With `--batch` the same for every input; with `--dry-run` only the looking.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from .errors import UsageProblem
from .job import config
from .job.arguments import BATCH, BEHIND, RunCommand
from .job.fanout.words import STDIN
from .job.script import checked
from .options import API_URL, AS_JSON, example

EPILOG = example(
    "rgrid run wordcount.py books/alice.txt",
    "rgrid run train.py -d --timeout 2h --memory 8g -- --lr 0.1",
    "rgrid run report.py --input data/ -o results > report.txt",
    "rgrid run process.py --batch 'inputs/*.csv' --parallel 20 --watch",
    "rgrid run process.py --batch @list.txt --input model.bin --estimate-cost",
    "rgrid run plot.py --requirements requirements.txt --runtime python3.12",
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
@click.option(
    "--secret",
    multiple=True,
    metavar="NAME[=file]",
    help="Give it this secret as a variable, or as a file in $RGRID_SECRETS_DIR. Repeatable.",
)
@click.option(
    "--runtime",
    metavar="NAME",
    help="python, node or sh, or a version: python3.12 (default: by extension or #! line).",
)
@click.option(
    "--requirements",
    metavar="FILE",
    help="The packages it needs (default: its PEP 723 block, else the nearest uv.lock, pylock.toml, requirements.txt or "
    "pyproject.toml, else what it imports).",
)
@click.option("--no-deps", is_flag=True, default=None, help="No packages: the interpreter alone.")
@click.option(
    "--allow-builds",
    is_flag=True,
    default=None,
    help="Take packages without a wheel too; building them runs their code, here and on the node.",
)
@click.option("--image", metavar="IMAGE", help="The container image to run it in, on nodes that run containers.")
@click.option("--cold", is_flag=True, default=None, help="Start it in a process of its own, not from a warm one.")
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
@click.option(
    "--batch",
    "words",
    multiple=True,
    expose_value=False,
    metavar="INPUT...",
    help="Run it once for each input: quoted globs ('data/**/*.csv'), names, @LIST, or - for a list on stdin.",
)
@click.option(
    "--parallel", metavar="N", help="Batch: at most N at the same time (default: as many as there is room for)."
)
@click.option("--fail-fast", is_flag=True, default=None, help="Batch: the first failure stops it.")
@click.option("--max-failures", metavar="N", help="Batch: N failures stop it (default: none does).")
@click.option("--watch", is_flag=True, default=None, help="Batch: show the whole of it, live.")
@click.option("--flat", is_flag=True, default=None, help="Batch: all outputs in one folder, named after their input.")
@click.option("--memoize", is_flag=True, default=None, help="Take the result of an identical run that succeeded.")
@click.option("--estimate-cost", is_flag=True, help="Say what it would upload, take and cost; run nothing.")
@click.option("--dry-run", is_flag=True, help="The same; also where no grid runs yet.")
@AS_JSON
@API_URL
@click.pass_context
def command(
    ctx: click.Context,
    script: str,
    args: tuple[str, ...],
    estimate_cost: bool,
    dry_run: bool,
    as_json: bool,
    api_url: str,
    **flags: Any,
) -> int:
    """Run SCRIPT on the grid with ARGS, print its output as it comes and bring the files it writes home.

    An argument that names an existing file or folder is uploaded, and the script sees it at the same relative path.
    rgrid's options may stand before or after the script; what stands behind -- goes to the script untouched.

    With --batch it runs once for each input, which is its first argument; ARGS follow, and every run finds the files
    that they and --input name. A line of a list is a file if there is one of that name, else it is arguments. Results
    come home to ./outputs/<input>/ and are listed in ./outputs/batch.json.

    The exit code is the script's own; 2 wrong usage, 4 not signed in, 124 timed out, 125 the platform's fault, 130
    cancelled. Of a batch: 0 all succeeded, 1 any failed. With --json stdout carries what ended as one object, and the
    script's output goes to stderr. Ctrl-C detaches, twice cancels; where no terminal is, it cancels.
    """
    if not script:
        raise UsageProblem("The name of the script is empty.", "Type the path of a script: rgrid run SCRIPT")
    check_batch_only(flags, ctx.meta[BATCH])
    path = Path(script)
    options = config.settings(flags, path if path.is_file() and os.access(path, os.R_OK) else None)
    from .deps.interpreter import named

    typed, version = named(str(options["runtime"])) if options.get("runtime") else ("", "")
    _, runtime = checked(script, typed, version)
    check_packages(options)
    from .deps.ready import ready
    from .job.folder import check_folder
    from .job.inputs import plan
    from .job.noticed import notice
    from .job.request import request_of
    from .job.running import ran

    files = plan(path, args, ctx.meta[BEHIND], options.get("input", []))
    body = request_of(options, runtime, files.args, os.environ)
    looking = estimate_cost or dry_run
    check_folder(options, batch=ctx.meta[BATCH] is not None)
    notice(args, stdin=ctx.meta[BATCH] is None or STDIN not in ctx.meta[BATCH])
    files.packages = ready(path, runtime, version, files, options, api_url, looking)
    files.packages.into(body)
    wanted = as_json, looking, estimate_cost
    return ran(path, files, body, ctx.meta[BATCH], options, api_url, wanted)


def check_packages(options: dict[str, Any]) -> None:
    """Raise UsageProblem for options that contradict each other."""
    if options.get("no-deps") and options.get("requirements"):
        raise UsageProblem("--requirements names packages, --no-deps wants none: type one of them.")


def check_batch_only(flags: dict[str, Any], words: list[str] | None) -> None:
    """Raise UsageProblem for an option that only a batch has, and for two that contradict each other."""
    for name in ("parallel", "fail_fast", "max_failures", "flat"):
        if words is None and flags.get(name) is not None:
            option = "--" + name.replace("_", "-")
            raise UsageProblem(
                f"{option} is for a batch.", f"Name its inputs: rgrid run SCRIPT --batch 'data/*' {option} …"
            )
    if flags.get("fail_fast") and flags.get("max_failures") not in (None, "1"):
        raise UsageProblem("--fail-fast stops at the first failure, --max-failures at a later one: type one of them.")
