"""The block `# /// script` (PEP 723) of a script: what it says, and what to type where it is not quite one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..terminal.screen import clean

BLOCK = re.compile(r"(?m)^# /// script[ \t]*\r?\n(?P<body>(?:^#(?: .*|)\r?\n)+)^# ///[ \t]*\r?$")
MEANT = re.compile(r"(?m)^#[ \t]*///[ \t]*script[ \t]*$")
"""A line that a person takes for the beginning of a block."""
EXAMPLE = 'It looks like: # dependencies = ["requests"]'


def block_of(script: Path) -> dict[str, Any] | None:
    """The TOML in the block; None where there is none. Raises UsageProblem (BLOCK_INVALID) for one that is broken."""
    text = script.read_text("utf-8", "replace")
    found = list(BLOCK.finditer(text))
    if len(found) > 1:
        lines = " and ".join(str(line_of(text, each.start())) for each in found)
        said = f"{clean(script)} has {len(found)} blocks '# /// script', in lines {lines}."
        raise invalid(said, "One is allowed: put what they say into the first, and delete the others.")
    if not found:
        meant = MEANT.search(text)
        if meant is not None:
            check_shape(script, text[meant.start() :].split("\n"), line_of(text, meant.start()))
        return None
    return parsed(script, found[0]["body"], line_of(text, found[0].start()))


def parsed(script: Path, commented: str, first: int) -> dict[str, Any]:
    """The TOML of a body whose block begins in line `first`. Raises UsageProblem with the line in the script."""
    lines = commented.splitlines()
    body = "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    try:
        return tomllib.loads(body)
    except tomllib.TOMLDecodeError as wrong:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(wrong))
        number = min(int(at[1]) if at else len(lines), len(lines))
        reason = re.sub(r" \(at [^()]*\)$", "", str(wrong))
        said = f"The block '# /// script' of {clean(script)} is not TOML: {clean(reason)} (line {first + number})."
        raise invalid(said, f"{first + number}: {clean(lines[number - 1])}\n{EXAMPLE}") from None


def check_shape(script: Path, lines: list[str], first: int) -> None:
    """Raise UsageProblem for `lines` that were meant as a block and are none; the first of them is line `first`."""
    if lines[0].rstrip() != "# /// script":
        said = f"Line {first} of {clean(script)} is {clean(lines[0].rstrip())!r}, which begins no block."
        raise invalid(said, "Write it with these spaces: # /// script")
    last = first
    for line in lines[1:]:
        if line.rstrip() == "# ///" or not line.startswith("#"):
            break
        last += 1
        if line.strip() != "#" and not line.startswith("# "):
            said = f"Line {last} of {clean(script)}, in its block '# /// script', has no space behind the #."
            raise invalid(said, f"Write: # {clean(line[1:].strip())}")
    else:
        line = ""
    if line.rstrip() != "# ///":
        said = f"The block '# /// script' in line {first} of {clean(script)} has no end."
        raise invalid(said, f"Put this line behind line {last}: # ///")


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def invalid(said: str, hint: str) -> UsageProblem:
    return UsageProblem(said, hint, code="BLOCK_INVALID")
