"""What a newcomer trips over, said before the run: a mistyped file, a stdin that is not passed on."""

from __future__ import annotations

import difflib
import os
import re
import select
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from ..terminal.screen import clean, warn

FILE_LIKE = re.compile(r"[^\s=:]*[^\s=:./]\.[A-Za-z][A-Za-z0-9]{0,4}")
"""A word with an ending such as story.txt; no address, no K=V, no number."""
NEAR = 0.75


def notice(args: Iterable[str], *, stdin: bool = True) -> None:
    """Warn of all of it; nothing stops. `stdin`: nobody else reads it."""
    for word in args:
        if text := mistyped(word):
            warn(text)
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
