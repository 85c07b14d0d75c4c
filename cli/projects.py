"""`rgrid projects`: the projects of the account, and how long each keeps its files."""

from __future__ import annotations

import re
from typing import Any

import click

from .errors import UsageProblem
from .options import api, common, emit, example
from .terminal.formats import count
from .terminal.screen import clean, following, state, tell
from .terminal.table import table
from .wire.transport import segment

DAYS = {"d": 1, "w": 7, "y": 365}


@click.group(invoke_without_command=True, epilog=example("rgrid projects", "rgrid projects set thesis --retention 90d"))
@common
@click.pass_context
def command(ctx: click.Context, api_url: str, as_json: bool) -> int:
    """List the projects and how long they keep files and logs; `set` says for how long."""
    return int(ctx.invoke(ls, api_url=api_url, as_json=as_json)) if ctx.invoked_subcommand is None else 0


@command.command(epilog=example("rgrid projects ls", "rgrid projects ls --json"))
@common
def ls(api_url: str, as_json: bool) -> int:
    """List the projects and how long they keep files and logs."""
    items = api(api_url).get("/projects")["items"]
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("Nothing has run in any project yet.")
        following("rgrid run SCRIPT --project NAME")
        return 0
    table(("PROJECT", "KEEPS FILES"), [[item["name"], kept(item)] for item in items])
    following("rgrid projects set NAME --retention 90d")
    return 0


@command.command("set", epilog=example("rgrid projects set thesis --retention 90d"))
@click.argument("name")
@click.option("--retention", required=True, metavar="TIME", help="Keep files and logs so long: 90d, 12w, 2y.")
@common
def change(name: str, retention: str, api_url: str, as_json: bool) -> int:
    """Say how long a project keeps files and logs, counted from the end of each execution.

    It holds for what has ended already, too: what is past its time then goes within an hour or so.
    """
    body = {"retention_days": days(retention)}
    answer = api(api_url).call("PUT", f"/projects/{segment(name)}", body).json()
    if as_json:
        emit(answer)
        return 0
    state("good", "set", f"{clean(name)} keeps files and logs for {count(answer['retention_days'], 'day')}")
    following("rgrid projects")
    return 0


def days(text: str) -> int:
    """`90d`, `12w`, `2y` as days; raises UsageProblem."""
    found = days_of(text)
    if not found:
        raise UsageProblem(f"{text!r} is no time to keep files for; write for example --retention 90d, 12w or 2y.")
    return found


def days_of(text: str) -> int:
    """The same; 0 for what is no such time."""
    found = re.fullmatch(r"(\d{1,6})\s*([dwy])", text.strip().lower())
    return int(found[1]) * DAYS[found[2]] if found else 0


def kept(item: dict[str, Any]) -> str:
    return count(item["retention_days"], "day") + (" (default)" if item.get("default") else "")
