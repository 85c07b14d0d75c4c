"""What a newcomer trips over, said before the run: a mistyped file, a module left behind, a stdin that is not passed on."""

from __future__ import annotations

import ast
import difflib
import os
import re
import select
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from ..terminal.screen import clean, warn
from .inputs import Plan

FILE_LIKE = re.compile(r"[^\s=:]*[^\s=:./]\.[A-Za-z][A-Za-z0-9]{0,4}")
"""A word with an ending such as story.txt; no address, no K=V, no number."""
NEAR = 0.75


def notice(script: Path, runtime: str, args: Iterable[str], plan: Plan, *, stdin: bool = True) -> None:
    """Warn of all of it; nothing stops. `stdin`: nobody else reads it."""
    for word in args:
        if text := mistyped(word):
            warn(text)
    for line in left_behind(script, plan) if runtime == "python" else []:
        warn(line)
    if stdin and stdin_waits():
        warn("your stdin is not passed to the script; give it a file: rgrid run SCRIPT FILE")


def mistyped(word: str) -> str:
    """What to say of an argument that looks like a file and is none; empty when there is nothing to say."""
    if not word or word.startswith("-") or "://" in word or len(word) > 255 or os.path.lexists(word):
        return ""
    path = Path(word)
    try:
        there = os.listdir(path.parent) if path.name else []  # noqa: PTH208 - names, not paths
    except (OSError, ValueError):
        there = []
    near = difflib.get_close_matches(path.name, there, 1, cutoff=NEAR) if "." in path.name or "/" in word else []
    if not near and not FILE_LIKE.fullmatch(word):
        return ""
    meant = f" (did you mean {clean(path.with_name(near[0]))}?)" if near else ""
    return f"{clean(word)} is no file here: passed as text{meant}"


def left_behind(script: Path, plan: Plan) -> list[str]:
    """A line for the modules that the script imports, that lie beside it and are not taken along."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    names = {name.partition(".")[0] for node in ast.walk(tree) for name in imported(node)}
    taken = {Path(os.path.realpath(path)) for path in plan.files.values()}
    lost = []
    for name in sorted(names):
        for path in (script.with_name(f"{name}.py"), script.with_name(name)):
            here = Path(os.path.realpath(path))
            if path.exists() and not any(each == here or here in each.parents for each in taken):
                lost.append(path)
                break
    if not lost:
        return []
    shown = ", ".join(clean(path) for path in lost)
    inputs = " ".join(f"--input {clean(path)}" for path in lost)
    verb = ("lies", "was") if len(lost) == 1 else ("lie", "were")
    return [f"{shown} {verb[0]} beside the script but {verb[1]} not taken along: rgrid run {inputs} {clean(script)} …"]


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def stdin_waits() -> bool:
    """Whether stdin is a file or a pipe with something in it; never blocks."""
    try:
        mode = os.fstat(sys.stdin.fileno())
        if stat.S_ISREG(mode.st_mode):
            return mode.st_size > os.lseek(sys.stdin.fileno(), 0, os.SEEK_CUR)
        if not stat.S_ISFIFO(mode.st_mode):
            return False
        waiting = select.poll()
        waiting.register(sys.stdin.fileno(), select.POLLIN)
        return any(event & select.POLLIN for _, event in waiting.poll(0))
    except (OSError, ValueError, AttributeError):
        return False
