"""The script's bytes pass through as they are; what rgrid says after them begins on a line of its own."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

_OPEN = [False]
"""Whether the place that our words go to was left in the middle of a line."""


def passed(data: bytes | memoryview, sink: BinaryIO) -> None:
    """`data` to `sink`, at once, and nothing else; remembered is how it ended."""
    sink.write(data)
    sink.flush()
    if len(data) and (sink is sys.stderr.buffer or one_place()):
        _OPEN[0] = data[-1] != ord("\n")


def fresh() -> str:
    """What must go to stderr before words of our own: a newline where the script's last line has none. Once."""
    lacking, _OPEN[0] = _OPEN[0], False
    return "\n" if lacking else ""


def one_place() -> bool:
    """Whether stdout and stderr are the same terminal, pipe or file (2>&1)."""
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):
        return False
