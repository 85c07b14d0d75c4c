"""Rows in aligned columns that fit the width of the terminal; what does not fit is cut with an ellipsis."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

from .screen import clean, paint, show

GAP = 2
NARROWEST = 8


def width_of(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else not unicodedata.combining(each) for each in text)


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns."""
    if width_of(text) <= width:
        return text
    kept = ""
    for each in text:
        if width_of(kept + each) > width - 1:
            break
        kept += each
    return kept + "…"


def fit(widths: list[int], room: int, whole: frozenset[int] = frozenset()) -> list[int]:
    """Take columns away from the widest until the row has `room`, none below NARROWEST and none of those in `whole`."""
    widths = list(widths)
    shrinking = [i for i in range(len(widths)) if i not in whole]
    while shrinking and sum(widths) + GAP * (len(widths) - 1) > room:
        widest = max(shrinking, key=lambda i: widths[i])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: frozenset[int] = frozenset(),
    whole: frozenset[int] = frozenset(),
) -> None:
    """Print `rows` under `head`; the columns in `right` are aligned right, those in `whole` never cut.

    Only a terminal has a width to fit.
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(width_of(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    if sys.stdout.isatty():
        widths = fit(widths, shutil.get_terminal_size().columns, whole)
    show(paint(_line(head, widths, right), "quiet", sys.stdout))
    for row in cells:
        show(_line(row, widths, right))


def _line(row: Sequence[str], widths: list[int], right: frozenset[int]) -> str:
    texts = [cut(cell, widths[i]) for i, cell in enumerate(row)]
    pads = [" " * (widths[i] - width_of(text)) for i, text in enumerate(texts)]
    joined = [pad + text if i in right else text + pad for i, (text, pad) in enumerate(zip(texts, pads, strict=True))]
    return (" " * GAP).join(joined).rstrip()
