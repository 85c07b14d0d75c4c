"""A few lines at the foot of a terminal, redrawn in place; whatever else is told meanwhile appears above them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Sequence
from types import TracebackType

from .screen import STAGE, encodable, paint, put
from .table import cut, width_of

Line = Sequence[tuple[str, str]]
"""Texts and the meaning (a colour, or "") of each; they hold no control characters."""
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Terminals that know these show all in between at once; the others ignore them."""


def room() -> tuple[int, int]:
    """Columns and rows of the terminal behind stderr."""
    try:
        found = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        found = shutil.get_terminal_size()
    return max(20, found.columns or 80), max(4, found.lines or 24)


class Live:
    """`with Live() as live: live.draw(lines)`; nothing of it is left when it ends. Any thread may tell meanwhile."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.widths: list[int] = []
        self.shown: list[str] = []

    def __enter__(self) -> Live:
        STAGE.append(self.above)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.lock:
            STAGE.remove(self.above)
            if self.shown:
                put(self._home(room()[0]) + "\x1b[J")
            self.shown, self.widths = [], []

    def draw(self, lines: Sequence[Line]) -> None:
        """Show `lines` where the last ones stood, each cut to the width; nothing is written when nothing changed."""
        columns, rows = room()
        texts = [fitted(line, columns - 1) for line in lines[: rows - 1]]
        with self.lock:
            if texts == self.shown and max(self.widths, default=0) < columns:
                return
            body = "".join(f"{text}\x1b[K\n" for text in texts)
            put(BEGIN + self._home(columns) + body + "\x1b[J" + END)
            self.shown = texts
            self.widths = [sum(width_of(text) for text, _ in line) for line in lines[: rows - 1]]
            self.widths = [min(width, columns - 1) for width in self.widths]

    def above(self, line: str) -> None:
        """One line that stays, above the others."""
        with self.lock:
            body = "".join(f"{text}\x1b[K\n" for text in self.shown)
            put(BEGIN + self._home(room()[0]) + "\x1b[J" + encodable(line, sys.stderr) + "\n" + body + END)

    def _home(self, columns: int) -> str:
        """To the first of the lines shown; in a terminal that became narrower they take more rows than they are."""
        up = sum(max(1, -(-width // columns)) for width in self.widths)
        return f"\x1b[{up}A\r" if up else "\r"


def fitted(line: Line, columns: int) -> str:
    """`line` in at most so many columns, in its colours."""
    made, left = "", columns
    for text, meaning in line:
        shown = cut(encodable(text, sys.stderr), left) if left > 0 else ""
        left -= width_of(shown)
        made += paint(shown, meaning, sys.stderr) if meaning else shown
        if width_of(text) > width_of(shown):
            break
    return made
