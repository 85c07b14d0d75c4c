"""Inputs from a list: `@list.txt` or stdin (`-`); a line that names an existing file is one, another is a line of arguments."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from ...errors import UsageProblem
from ...terminal.screen import clean, tell
from ..script import check_readable
from .words import STDIN

LIST_BYTES_MAX = 64 * 1024**2


def lines_of(source: str) -> list[str]:
    """The lines of `-` or `@FILE` that are not blank; raises UsageProblem. NUL separates them where there is one."""
    data = from_stdin() if source == STDIN else from_file(source[1:])
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    lines = text.split("\0") if "\0" in text else [line.removesuffix("\r") for line in text.split("\n")]
    found = [line for line in lines if line.strip()]
    if not found:
        raise UsageProblem(f"The list {named(source)} has no lines.", "One input a line: a file, or arguments.")
    return found


def named(source: str) -> str:
    """A list as a person knows it."""
    return "on stdin" if source == STDIN else clean(source[1:])


def from_stdin() -> bytes:
    if sys.stdin.isatty():
        tell("  the inputs come from what you type, one a line; Ctrl-D ends them")
    return bounded(sys.stdin.buffer.read(LIST_BYTES_MAX + 1), STDIN)


def from_file(name: str) -> bytes:
    path = Path(name)
    check_readable(path, "The list", "A list is a file with one input a line: --batch @list.txt")
    with path.open("rb") as source:
        return bounded(source.read(LIST_BYTES_MAX + 1), "@" + name)


def bounded(data: bytes, source: str) -> bytes:
    if len(data) > LIST_BYTES_MAX:
        raise UsageProblem(
            f"The list {named(source)} has more than {LIST_BYTES_MAX // 1024**2} MiB.", code="TOO_MANY_FILES"
        )
    return data


def split(line: str) -> list[str]:
    """The arguments on a line, quoted as in a shell; raises ValueError."""
    return shlex.split(line)
