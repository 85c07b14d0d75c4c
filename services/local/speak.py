"""How the supervisor speaks: one line per state, the state's word first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from services.local.problem import Problem

Say = Callable[[str, str], None]
MARKS = {"ready": "✔", "failed": "✘", "warning": "!", "mended": "!"}


def printer(stream: TextIO) -> Say:
    """`say(word, sentence)` onto `stream`; a stream that is gone is not worth dying for."""

    def say(word: str, sentence: str) -> None:
        mark = MARKS.get(word, "●")
        try:
            print(f"{mark} {word:<10} {sentence}", file=stream, flush=True)
        except (OSError, ValueError):
            return

    return say


def complain(problem: Problem, stream: TextIO | None = None) -> None:
    """The problem in its lines: what failed, why, what to type."""
    first, *rest = problem.lines()
    print("\n".join([f"✘ {first}", *rest]), file=stream or sys.stderr, flush=True)
