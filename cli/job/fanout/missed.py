"""A pattern that matches nothing: where it looked, what is there, and what would match."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from ...errors import UsageProblem
from ...terminal.formats import count
from ...terminal.screen import clean, typed
from .patterns import Walk, fixed_folder

LOOKED_AT_MAX = 10_000


def nothing_matches(pattern: str) -> UsageProblem:
    """`Nothing matches data/*.csv in /home/me/work`, with what to type instead."""
    folder = fixed_folder(pattern) or ("/" if pattern.startswith("/") else "")
    if folder and not Path(folder).is_dir():
        missing = next(each for each in [*reversed(Path(folder).parents), Path(folder)] if not each.is_dir())
        return UsageProblem(
            f"Nothing matches {clean(pattern)}: there is no folder {clean(missing)} in {clean(Path.cwd())}.",
            f"What is there: ls {typed(missing.parent)}",
            code="NO_INPUTS",
        )
    return UsageProblem(
        f"Nothing matches {clean(pattern)} in {clean(Path.cwd())}.",
        deeper(pattern) or there(folder, pattern),
        code="NO_INPUTS",
    )


def deeper(pattern: str) -> str:
    """The same with `**` before its last part, when that finds something."""
    head, slash, last = pattern.rpartition("/")
    if head.endswith("**"):
        return ""
    wider = f"{head}{slash}**/{last}"
    found = sum(1 for _ in zip(range(LOOKED_AT_MAX), Walk().matches(wider), strict=False))
    if not found:
        return ""
    number = "is one" if found == 1 else f"are {'at least ' if found == LOOKED_AT_MAX else ''}{found:,}"
    return f"In the folders below there {number}: --batch '{clean(wider)}'"


def there(folder: str, pattern: str) -> str:
    """What the folder holds, by extension."""
    kinds: Counter[str] = Counter()
    for entry in Walk().entries(folder)[:LOOKED_AT_MAX]:
        if entry.is_file():
            kinds[os.path.splitext(entry.name)[1]] += 1  # noqa: PTH122 - a name, not a path
    where = clean(folder or "this folder")
    if not kinds:
        return f"There are no files in {where}."
    said = ", ".join(f"{number:,} × {clean(kind) or 'without extension'}" for kind, number in kinds.most_common(3))
    best = kinds.most_common(1)[0][0]
    typed = f"{folder}/*{best}".removeprefix("/" if not folder else "")
    return f"{where} holds {count(sum(kinds.values()), 'file')}: {said}.      Try: --batch '{clean(typed)}'"
