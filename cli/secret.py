"""`rgrid secret`: values that runs may use and nobody is shown: set, list, remove."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import click

from .errors import UsageProblem
from .options import api, common, emit, example
from .terminal.formats import clock, size
from .terminal.screen import clean, following, state, tell, warn
from .terminal.table import table
from .terminal.typed import secret_name
from .wire.transport import segment

VALUE_BYTES_MAX = 64 * 1024
REDACTED_BYTES_MIN = 4
"""A shorter one is not looked for in logs."""
ON_THE_LINE = (
    "A value is not typed on the command line: it would stay in the shell's history and show in the list of processes."
)


@click.group(
    invoke_without_command=True,
    epilog=example("rgrid secret set API_TOKEN", "rgrid run fetch.py --secret API_TOKEN", "rgrid secret rm API_TOKEN"),
)
@common
@click.pass_context
def command(ctx: click.Context, api_url: str, as_json: bool) -> int:
    """Keep passwords, tokens and keys for scripts: stored encrypted, given to the runs that name them, never shown."""
    return int(ctx.invoke(ls, api_url=api_url, as_json=as_json)) if ctx.invoked_subcommand is None else 0


@command.command(
    "set",
    epilog=example(
        "rgrid secret set API_TOKEN",
        "pass show api | rgrid secret set API_TOKEN",
        "rgrid secret set KEY --file key.pem",
    ),
)
@click.argument("name")
@click.argument("extra", nargs=-1, metavar="")
@click.option("--file", metavar="PATH", help="Take the content of this file, byte by byte (- is stdin).")
@common
def put(name: str, extra: tuple[str, ...], file: str | None, api_url: str, as_json: bool) -> int:
    """Give the secret NAME a value: typed without being shown, or from stdin without its last newline."""
    name = name_of(name, extra)
    value = content(name, file)
    body = {"base64": base64.b64encode(value).decode()}
    answer = api(api_url).call("PUT", f"/secrets/{segment(name)}", body).json()
    if len(value.strip(b"\r\n")) < REDACTED_BYTES_MIN:
        warn(f"{name} has fewer than {REDACTED_BYTES_MIN} bytes: it is not taken out of what scripts print.")
    if b"\0" in value:
        warn(f"{name} has a zero byte in it, which no variable can hold: take it as a file, --secret {name}=file")
    if as_json:
        emit(answer)
        return 0
    what = "set" if answer.get("changed", True) else "unchanged"
    state("good", what, f"{name} · version {answer['version']} · {size(len(value))}")
    following(f"rgrid run SCRIPT --secret {name}")
    return 0


@command.command(epilog=example("rgrid secret ls", "rgrid secret ls --json"))
@common
def ls(api_url: str, as_json: bool) -> int:
    """List the names of the secrets. Nobody is shown a value."""
    items = api(api_url).get("/secrets")["items"]
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("There are no secrets yet.")
        following("rgrid secret set NAME")
        return 0
    rows = [[item["name"], str(item["version"]), clock(item["set_at"]), clean(item["set_by"])] for item in items]
    table(("SECRET", "VERSION", "SET", "BY"), rows)
    following("rgrid run SCRIPT --secret NAME")
    return 0


@command.command(epilog=example("rgrid secret rm API_TOKEN"))
@click.argument("name")
@common
def rm(name: str, api_url: str, as_json: bool) -> int:
    """Remove a secret: runs that have begun keep it, those that have not will not begin."""
    answer = api(api_url).delete(f"/secrets/{segment(name_of(name, ()))}")
    if as_json:
        emit({"removed": True, **answer})
        return 0
    state("good", "removed", name)
    following("rgrid secret ls")
    return 0


def name_of(name: str, extra: tuple[str, ...]) -> str:
    """`name`; raises UsageProblem when a value was typed with it, which is not repeated."""
    bare, equals, _ = name.partition("=")
    if extra or equals:
        typed = secret_name(bare)
        raise UsageProblem(
            ON_THE_LINE, f"Type it when asked: rgrid secret set {typed}      Or: rgrid secret set {typed} --file PATH"
        )
    return secret_name(name)


def content(name: str, file: str | None) -> bytes:
    """The value. Raises UsageProblem when there is none, or too much of it."""
    if file is not None and file != "-":
        value = bounded(of_file(Path(file)))
    elif file is None and sys.stdin.isatty():
        typed: Any = click.prompt(
            f"Value of {name} (not shown)", hide_input=True, err=True, default="", show_default=False
        )
        value = bounded(str(typed).encode("utf-8", "surrogateescape"))
    else:
        value = bounded(sys.stdin.buffer.read(VALUE_BYTES_MAX + 3))
        value = value if file == "-" else without_newline(value)
    if not value:
        raise UsageProblem(
            f"The value of {name} is empty.", f"Type it when asked, or: rgrid secret set {name} --file PATH"
        )
    return value


def of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(VALUE_BYTES_MAX + 1)
    except OSError as wrong:
        raise UsageProblem(f"{clean(str(path))} cannot be read: {wrong.strerror}.") from None


def bounded(value: bytes) -> bytes:
    if len(without_newline(value)) > VALUE_BYTES_MAX:
        raise UsageProblem(
            f"A secret has {VALUE_BYTES_MAX:,} bytes at most.", "Give larger files to a run with --input."
        )
    return value


def without_newline(value: bytes) -> bytes:
    """What `echo` and editors add at the end."""
    return value.removesuffix(b"\n").removesuffix(b"\r")
