"""Rows that sum up other rows: what a change of those means for these, so that sums need no counting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from projections.table import Key, Row


@dataclass(frozen=True, slots=True)
class Rollup:
    """`changes(old, new, position)` of a source row: which target rows it touches, and how; `apply` makes the target row
    out of all changes of one fold, in the order of the log. The result must not depend on how the log was cut into folds."""

    sources: tuple[str, ...]
    target: str
    changes: Callable[[Row | None, Row, int], Iterable[tuple[Key, Any]]]
    apply: Callable[[Row | None, Key, Sequence[Any]], Row]
