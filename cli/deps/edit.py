"""Write packages into the block `# /// script` of a script; every other byte of it stays as it is."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from pathlib import Path

from ..errors import CliError, UsageProblem
from ..job.block import BLOCK, block_of
from ..terminal.screen import clean, typed
from .installed import normal

CODING = re.compile(r"#.*?coding[:=][ \t]*[-\w.]+")
KEY = re.compile(r"(?m)^[ \t]*dependencies[ \t]*=[ \t]*(?=\[)")
TABLE = re.compile(r"(?m)^[ \t]*\[")
ITEM = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|#[^\n]*|\]|,")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def with_packages(text: str, packages: list[str]) -> str:
    """`text` of a script with `packages` in its block; one that is there already under that name is replaced.

    Raises ValueError for a block that cannot be edited safely.
    """
    end = "\r\n" if "\r\n" in text.partition("\n")[0] + "\n" else "\n"
    block = BLOCK.search(text)
    if block is None:
        at = head_end(text)
        made = "dependencies = [\n" + "".join(f"    {quoted(each)},\n" for each in packages) + "]\n"
        shown = "# /// script\n" + commented(made) + "# ///\n"
        gap = "" if at >= len(text) or text[at] in "\r\n" else "\n"
        lead = "" if at == 0 or text[:at].endswith(("\n", "\ufeff")) else "\n"
        return text[:at] + (lead + shown + gap).replace("\n", end) + text[at:]
    body = uncommented(block["body"])
    before = tomllib.loads(body)
    edited = in_body(body, packages)
    after = tomllib.loads(edited)
    if {**before, "dependencies": 0} != {**after, "dependencies": 0}:
        raise ValueError("the block would have changed elsewhere")
    start, stop = block.span("body")
    return text[:start] + commented(edited).replace("\n", end) + text[stop:]


def head_end(text: str) -> int:
    """Behind a byte order mark, a `#!` line and a line that names the encoding."""
    at = 1 if text.startswith("\ufeff") else 0
    for number in range(2):
        line = text[at:].partition("\n")[0]
        if not ((number == 0 and line.startswith("#!")) or CODING.match(line)):
            break
        at = min(len(text), at + len(line) + 1)
    return at


def uncommented(body: str) -> str:
    lines = body.replace("\r\n", "\n").splitlines(keepends=True)
    return "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)


def commented(body: str) -> str:
    return "".join(("# " + line if line.strip("\n") else "#" + line) for line in body.splitlines(keepends=True))


def in_body(body: str, packages: list[str]) -> str:
    """The TOML with `packages` among its dependencies."""
    table = TABLE.search(body)
    key = KEY.search(body, 0, table.start() if table else len(body))
    if key is None:
        if "dependencies" in tomllib.loads(body):
            raise ValueError("its dependencies are written in an unusual way")
        return "dependencies = [\n" + "".join(f"    {quoted(each)},\n" for each in packages) + "]\n" + body
    names = [name_of(each) for each in packages]
    for package, name in zip(packages, names, strict=True):
        body = one_more(body, key.end() + 1, package, apart=names.count(name) > 1)
    return body


def one_more(body: str, start: int, package: str, *, apart: bool) -> str:
    """`package` in the list whose content begins at `start`: in place of one of its name, else at its end. `apart`: it
    has several versions, told apart by the conditions behind them."""
    last_end, comma, at = start, True, start
    while True:
        token = ITEM.search(body, at)
        if token is None:
            raise ValueError("its list of dependencies has no end")
        text, at = token.group(), token.end()
        if text == "]":
            break
        if text == ",":
            comma, last_end = True, at
        elif not text.startswith("#"):
            if name_of(text[1:-1], apart=apart) == name_of(package, apart=apart):
                return body[: token.start()] + quoted(package) + body[token.end() :]
            comma, last_end = False, at
    close = token.start()
    line_start = body.rfind("\n", 0, close) + 1
    if body[line_start:close].strip() or line_start <= start:  # the bracket closes on the line of an item
        lead = "" if last_end == start else " " if comma else ", "
        return body[:last_end] + lead + quoted(package) + body[last_end:]
    filled = body[:last_end] + ("" if comma else ",") + body[last_end:close]
    line_start += 0 if comma else 1
    return filled[:line_start] + f"    {quoted(package)},\n" + filled[line_start:] + body[close:]


def name_of(requirement: str, *, apart: bool = False) -> str:
    """The name of a requirement as an index compares it; with `apart` its condition as well."""
    found = NAME.match(requirement.strip())
    condition = requirement.partition(";")[2].strip() if apart else ""
    return (normal(found.group()) if found else requirement) + condition


def quoted(text: str) -> str:
    """`text` as a string of TOML."""
    if "'" not in text and '"' in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def edit(script: Path, packages: list[str]) -> bool:
    """Put `packages` into the block of `script`; whether that changed anything. Raises CliError."""
    block_of(script)
    try:
        old = script.read_bytes().decode("utf-8", "surrogateescape")
        new = with_packages(old, packages)
    except (ValueError, OSError) as wrong:
        lines = "\n".join(["# /// script", "# dependencies = [" + ", ".join(map(quoted, packages)) + "]", "# ///"])
        raise UsageProblem(
            f"{clean(script)} was not changed: {clean(wrong)}.", f"Write it yourself:\n{lines}", code="BLOCK_INVALID"
        ) from None
    if new != old:
        replace(script, new.encode("utf-8", "surrogateescape"))
    return new != old


def replace(path: Path, content: bytes) -> None:
    """The file with another content, whole or not at all; its permissions stay. Raises CliError."""
    target = Path(os.path.realpath(path))
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.chmod(file.name, target.stat().st_mode & 0o7777)  # noqa: PTH101
                os.replace(file.name, target)  # noqa: PTH105
            except BaseException:
                os.unlink(file.name)  # noqa: PTH108
                raise
    except OSError as broken:
        text = f"{clean(path)} cannot be written ({broken.strerror})."
        raise CliError(text, f"Look: ls -l {typed(path)}", code="FILE_UNREADABLE") from None
