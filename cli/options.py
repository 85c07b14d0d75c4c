"""What the verbs share on the command line: the grid's address, --json, an execution's id, and how JSON is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import SCHEMA_VERSION
from .terminal.times import since_words
from .terminal.typed import execution_id, state_name
from .wire.grid import find
from .wire.transport import Api

Body = TypeVar("Body", bound=Callable[..., Any])

EXECUTION = click.argument("execution", metavar="ID", callback=execution_id)
AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON (schema_version 1): one object, or one a line."
)
API_URL = click.option("--api-url", metavar="URL", default="", help="The grid to talk to (also RGRID_API_URL).")


DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")


def filtered(body: Body) -> Body:
    """The filters that choose among executions."""
    for option in reversed(
        (
            click.option("--tag", multiple=True, metavar="K=V", help="With this tag. Repeatable: all of them."),
            click.option("--status", metavar="STATE", callback=state_name, help="In this state."),
            click.option("--since", metavar="TIME", help="Submitted since: 7d, 2h, or an ISO time."),
            click.option("--project", metavar="NAME", help="Of this project."),
            click.option("--name", metavar="NAME", help="With this name."),
        )
    ):
        body = option(body)
    return body


def query_of(filters: dict[str, Any]) -> dict[str, Any]:
    """Filters other than the status as the API takes them; raises UsageProblem for what is no time."""
    query = {name: value for name, value in filters.items() if name != "status"}
    return query | {"since": since_words(query["since"]) if query.get("since") else None}


def common(body: Body) -> Body:
    """--json and --api-url."""
    return AS_JSON(API_URL(body))


def api(api_url: str) -> Api:
    """The grid's API; raises when no grid runs here."""
    return Api(find(api_url))


def example(*commands: str) -> str:
    """The examples at the end of a --help."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def emit(item: dict[str, Any]) -> None:
    """One JSON object on one line of stdout, with the version of its schema."""
    sys.stdout.write(json.dumps({"schema_version": SCHEMA_VERSION, **item}, separators=(",", ":")) + "\n")
