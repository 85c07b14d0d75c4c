"""The command `rgrid`: a table of verbs, each in its own module, loaded when it is typed; and how every error ends."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from . import __version__
from .errors import EXIT_CANCELLED, EXIT_PIPE_CLOSED, EXIT_PLATFORM, EXIT_USAGE, CliError, Interrupted
from .terminal.screen import clean, failure, tell, typed

VERBS = {
    "run": "Run a script on the grid: upload, follow, bring the results home.",
    "ps": "List executions, newest first.",
    "status": "Show one execution.",
    "wait": "Block until an execution has ended; answer its exit code.",
    "attach": "Follow a running execution again, as `run` does.",
    "batch": "Show how far a batch is, live; or list the batches.",
    "logs": "Print what an execution wrote; -f follows it.",
    "cost": "Show what one execution, or a span of time, cost.",
    "events": "Tell the history of an execution as it stands in the log.",
    "cancel": "Cancel executions.",
    "retry": "Run an ended execution again.",
    "download": "Bring the outputs of an execution home, verified.",
    "outputs": "List the files that an execution wrote.",
    "cache": "List the packages that were built for scripts; throw them away.",
    "why": "Say why an execution waits, or where its time went.",
    "up": "Start the grid of this machine.",
    "down": "Stop the grid of this machine.",
    "doctor": "Check this set-up and say what to do about what is wrong.",
    "open": "Print the address of the grid.",
    "secret": "Keep passwords and tokens for scripts; nobody is shown them.",
    "keys": "List, create and revoke API keys.",
    "nodes": "List the machines of the grid.",
    "deps": "Show what packages a script needs and why; write them into it.",
    "projects": "List the projects; say how long one keeps its files.",
    "projections": "Rebuild the read models from the log, or check them.",
}
MODULES = {"open": "open_", "batch": "batch_", "deps": "deps_"}


class Verbs(click.Group):
    """Verbs by name; only the one that was typed is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = importlib.import_module(f".{MODULES.get(name, name)}", __package__)
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 1)
            meant = f" Did you mean: rgrid {near[0]}" if near else ""
            script = f" To run a script: rgrid run {typed(args[0])}" if os.path.exists(args[0]) else ""  # noqa: PTH110
            raise click.UsageError(f"There is no verb '{clean(args[0])}'.{meant}{script}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="rgrid %(version)s")
def rgrid() -> None:
    """Run a script on the grid: its output live, its results at home, its cost to the micro-euro.

    \b
    Examples:
      rgrid run wordcount.py books/alice.txt
      rgrid ps
      rgrid why @last
    """


def main(args: list[str] | None = None) -> int:
    """Run one command; the exit code. Nothing that goes wrong ends in a traceback."""
    words = sys.argv[1:] if args is None else args
    try:
        code = answer(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence()
        return EXIT_PIPE_CLOSED


def answer(words: list[str]) -> int:
    """The exit code of a command, its errors told."""
    try:
        if "_RGRID_COMPLETE" in os.environ:
            rgrid.main(prog_name="rgrid")
        with rgrid.make_context("rgrid", list(words)) as context:
            code = rgrid.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as wanted:
        tell(wanted.format_message())
        return EXIT_USAGE
    except click.ClickException as wrong:
        command = wrong.ctx.command_path if isinstance(wrong, click.UsageError) and wrong.ctx else "rgrid"
        return told(
            CliError(wrong.format_message(), f"How it is typed: {command} --help", code="USAGE"), words, EXIT_USAGE
        )
    except CliError as failed:
        code = told(failed, words, failed.exit_code)
        if isinstance(failed, Interrupted):
            leave_threads(code)
        return code
    except (KeyboardInterrupt, click.Abort):
        tell("")
        leave_threads(EXIT_CANCELLED)
        return EXIT_CANCELLED
    except BrokenPipeError:
        raise
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_PLATFORM
    except Exception as bug:
        if os.environ.get("RGRID_LOG_LEVEL", "").lower() == "debug":
            raise
        return told(internal(bug), words, EXIT_PLATFORM)


def internal(bug: Exception) -> CliError:
    """A mistake of ours, as a person reads it."""
    return CliError(
        f"rgrid itself failed: {type(bug).__name__}: {bug} ({trace_end(bug)}).",
        "This is a fault of rgrid. All of it: RGRID_LOG_LEVEL=debug rgrid …      Check this set-up: rgrid doctor",
        code="INTERNAL",
    )


def trace_end(bug: BaseException) -> str:
    """`module.py:12`: where it happened."""
    at = bug.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{at.tb_lineno}" if at else "?"


def told(problem: CliError, words: list[str], code: int) -> int:
    """Say a problem on stderr, as words or as JSON; `code`."""
    ours = words[: words.index("--")] if "--" in words else words
    if "--json" in ours:
        tell(json.dumps(problem.as_json()))
        return code
    said = problem.answer
    origin = [problem.code] if problem.code not in ("USAGE", "CLIENT_FAILED", "UNREACHABLE", "NO_GRID") else []
    origin += [f"request {said['request_id']}"] if said.get("request_id") else []
    origin += [str(said["docs"])] if said.get("docs") else []
    message = "\n  ".join(clean(line) for line in problem.message.splitlines())
    hints = [clean(line) for line in problem.hint.splitlines()]
    failure(message, *hints, clean(" · ".join(origin)))
    return code


def leave_threads(code: int) -> None:
    """Exit at once when transfers still run: after Ctrl-C nobody waits for them."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        os._exit(code)


def silence() -> None:
    """Whoever read our output left: nothing more is written, nothing complains at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
