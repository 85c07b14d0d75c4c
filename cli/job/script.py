"""Look at the script before it is queued: is it one, what runs it, does it parse."""

from __future__ import annotations

import os
import re
import stat
import sys
import traceback
import warnings
from pathlib import Path

from ..errors import UsageProblem
from ..terminal.screen import clean, typed, warn

RUNTIMES = ("python", "node", "sh")
BY_EXTENSION = {".py": "python", ".pyw": "python", ".js": "node", ".mjs": "node", ".cjs": "node", ".sh": "sh"}
SHELLS = ("sh", "bash", "dash", "ksh", "zsh", "ash")
HEAD_BYTES = 16384
NEEDS = re.compile(r"(?m)^#\s*requires-python\s*=.*[>=~]=\s*3\.(\d+)")
SYNTAX_BYTES_MAX = 4 * 1024 * 1024
KINDS = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def checked(name: str, runtime: str, version: str = "") -> tuple[Path, str]:
    """The script's path and its runtime; raises UsageProblem naming what is wrong with it. What is written for a newer
    Python than ours (`version`, or the script's own block) is not parsed here."""
    path = Path(name)
    check_readable(path, "The script", "Type the path of a script: rgrid run SCRIPT")
    if path.stat().st_size == 0:
        raise UsageProblem(f"The script {clean(path)} is empty (0 bytes).", code="SCRIPT_EMPTY")
    found = runtime or detect(path)
    if found == "python" and not newer(path, version):
        check_syntax(path)
    return path, found


def check_readable(path: Path, what: str, hint: str = "") -> None:
    """Raise UsageProblem unless `path` is a regular file (behind links) that can be read."""
    shown = clean(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        dead = " (a link to nothing)" if path.is_symlink() else ""
        raise UsageProblem(f"{what} {shown} does not exist{dead}.", hint, code="FILE_MISSING") from None
    except OSError as broken:
        raise UsageProblem(f"{what} {shown} cannot be read ({broken.strerror}).", code="FILE_UNREADABLE") from None
    if stat.S_ISDIR(mode):
        raise UsageProblem(f"{what} {shown} is a directory.", hint, code="FILE_IS_DIRECTORY")
    for is_kind, name in KINDS:
        if is_kind(mode):
            raise UsageProblem(f"{what} {shown} is {name}, not a regular file.", code="FILE_NOT_REGULAR")
    if not os.access(path, os.R_OK):
        raise UsageProblem(
            f"{what} {shown} cannot be read (permission denied).", f"chmod u+r {typed(path)}", code="FILE_UNREADABLE"
        )


def detect(path: Path) -> str:
    """The runtime by extension, else by the `#!` line; raises UsageProblem when neither says."""
    known = BY_EXTENSION.get(path.suffix.lower())
    program = interpreter(path)
    if known:
        if known == "sh" and program in SHELLS and program not in ("sh", "dash", "ash"):
            warn(f"{clean(path)} asks for {program} in its first line; a .sh is run by sh.")
        return known
    if program.startswith(("python", "pypy")):
        return "python"
    if program in ("node", "nodejs"):
        return "node"
    if program in SHELLS:
        if program not in ("sh", "dash", "ash"):
            warn(f"{clean(path)} asks for {program} in its first line; it is run by sh.")
        return "sh"
    said = f"its first line asks for {clean(program)!r}" if program else "it has no '#!' line"
    extension = f"the extension '{clean(path.suffix)}'" if path.suffix else "a name without extension"
    raise UsageProblem(
        f"What runs {clean(path)}? rgrid does not know {extension}, and {said}.",
        f"Say it: rgrid run --runtime python {typed(path)}      The runtimes: {', '.join(RUNTIMES)}",
        code="RUNTIME_UNKNOWN",
    )


def interpreter(path: Path) -> str:
    """The program of the `#!` line, without folders; `env` and its options are looked through."""
    with path.open("rb") as script:
        first = script.readline(512)
    if not first.startswith(b"#!"):
        return ""
    words = first[2:].decode("utf-8", "replace").split()
    if words and os.path.basename(words[0]) == "env":  # noqa: PTH119 - a word, not a path of ours
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0].rsplit("/", 1)[-1] if words else ""


def newer(path: Path, version: str) -> bool:
    """Whether a Python newer than ours is asked for."""
    with path.open("rb") as script:
        head = script.read(HEAD_BYTES).decode("utf-8", "replace")
    asked = NEEDS.search(head) if "# /// script" in head else None
    minors = [version.partition(".")[2], asked[1] if asked else ""]
    return any(minor.isdecimal() and int(minor) > sys.version_info[1] for minor in minors)


def check_syntax(path: Path) -> None:
    """Compile a Python script, unrun; raises UsageProblem with the line and the caret."""
    source = path.read_bytes()
    if len(source) > SYNTAX_BYTES_MAX:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as wrong:
        lines = "".join(traceback.format_exception_only(wrong)).splitlines()
        shown = "\n".join(clean(line) for line in lines)
        raise UsageProblem(
            f"{clean(path)} is not valid Python (line {wrong.lineno}): {clean(wrong.msg)}", shown, code="SYNTAX_ERROR"
        ) from None
    except (ValueError, RecursionError, MemoryError) as wrong:
        raise UsageProblem(f"{clean(path)} is not valid Python: {clean(wrong)}.", code="SYNTAX_ERROR") from None
