"""What the verbs share on the command line: the grid's address, --json, an execution's id, and how JSON is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import SCHEMA_VERSION
from .terminal.typed import execution_id
from .wire.grid import find
from .wire.transport import Api

Body = TypeVar("Body", bound=Callable[..., Any])

EXECUTION = click.argument("execution", metavar="ID", callback=execution_id)
AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON (schema_version 1): one object, or one a line."
)
API_URL = click.option("--api-url", metavar="URL", default="", help="The grid to talk to (also RGRID_API_URL).")


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
