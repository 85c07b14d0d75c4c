"""What `--batch` names, item by item: files, and lines of arguments; everything that is wrong is named at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import UsageProblem
from ...terminal.formats import count
from ...terminal.screen import clean, warn
from ..noticed import FILE_LIKE
from .lists import lines_of, split
from .missed import nothing_matches
from .patterns import Walk, is_pattern
from .words import STDIN

MEMBERS_MAX = 100_000
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One member to be: the `file` that it is about (as typed), or the `line` of arguments, `words` when split."""

    file: str = ""
    line: str = ""
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Found:
    """What was found so far; `bad` holds what cannot be used, and why."""

    items: list[Item] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    folders: int = 0
    lists: bool = False

    def add(self, item: Item) -> None:
        """Raises UsageProblem beyond MEMBERS_MAX, so that a glob over a whole disk ends soon."""
        self.items.append(item)
        if len(self.items) > MEMBERS_MAX:
            raise UsageProblem(
                f"More than {MEMBERS_MAX:,} inputs; a batch has at most so many.",
                "Run them in parts, for example a folder at a time, or several files in one line of a list.",
                code="TOO_MANY_FILES",
            )


def expand(values: Iterable[str]) -> list[Item]:
    """The members that the words behind --batch stand for, in order; raises UsageProblem."""
    found, walk = Found(), Walk()
    for value in values:
        if value == STDIN or (value.startswith("@") and not os.path.lexists(value)):
            from_list(found, value)
        else:
            from_word(found, walk, value)
    found.bad |= {f"{folder}/".replace("//", "/"): why for folder, why in walk.unread.items()}
    folders = found.folders + walk.folders
    if not found.items and folders and not found.bad:
        raise only_folders(values)
    check(found)
    if folders:
        warn(f"{count(folders, 'folder')} left out: an input is a file; '**' goes into folders")
    return found.items


def from_list(found: Found, source: str) -> None:
    """The lines of a list; those that look like files and are none are warned of."""
    lost, found.lists = [], True
    for number, line in enumerate(lines_of(source), 1):
        name = next((each for each in (line, line.strip()) if is_file(each)), "")
        if name:
            found.add(Item(file=name))
            continue
        try:
            found.add(Item(line=line.strip(), words=tuple(split(line))))
        except ValueError as wrong:
            found.bad[f"line {number} ({clean(line.strip()[:40])})"] = str(wrong).lower()
        if FILE_LIKE.fullmatch(line.strip()):
            lost.append(line.strip())
    if lost:
        verb = (
            "looks like a file that is not here; it is"
            if len(lost) == 1
            else "look like files that are not here; they are"
        )
        warn(f"{count(len(lost), 'line')} of the list {verb} passed as text ({clean(lost[0])})")


def from_word(found: Found, walk: Walk, word: str) -> None:
    """A word of the command line: the file of that name, else the files that match it."""
    here = os.path.expanduser(word) if word.startswith("~") and not os.path.lexists(word) else word  # noqa: PTH111
    if Path(here).is_dir():
        found.folders += 1
    elif os.path.lexists(here):
        found.add(Item(file=here))
    elif not is_pattern(here):
        found.bad[word or "''"] = "does not exist"
    else:
        before, folders = len(found.items), walk.folders
        for match in walk.matches(here):
            found.add(Item(file=match))
        if len(found.items) == before and walk.folders == folders and not walk.unread:
            raise nothing_matches(here)


def check(found: Found) -> None:
    """Raise UsageProblem for names that come twice, and for everything in `bad`."""
    places: dict[str, str] = {}
    twice: dict[str, str] = {}
    for item in found.items:
        if item.file:
            place = os.path.abspath(item.file)  # noqa: PTH100 - links are not looked through
            other = places.setdefault(place, item.file)
            if other is not item.file:
                twice[item.file] = "is named twice" + (f", as {clean(other)} too" if other != item.file else "")
    if found.bad:
        raise refused(found.bad, len(found.items) + len(found.bad))
    if twice:
        raise refused(
            twice, len(found.items), "Each input is one run. Name it once: globs that overlap may be the cause."
        )


def refused(bad: dict[str, str], total: int, hint: str = "") -> UsageProblem:
    """The first of `bad` by name, and how many they are."""
    lines = [f"{clean(name)}: {why}" for name, why in list(bad.items())[:SHOWN]]
    if len(bad) > SHOWN:
        lines.append(f"… and {len(bad) - SHOWN:,} more")
    head = f"{len(bad):,} of {count(total, 'input')} cannot be used; nothing was queued."
    return UsageProblem("\n".join([head, *lines]), hint, code="BATCH_INPUTS")


def only_folders(values: Iterable[str]) -> UsageProblem:
    first = next(iter(values)).rstrip("/")
    folder = first if Path(first).is_dir() else os.path.dirname(first)  # noqa: PTH120 - a pattern, not a path
    return UsageProblem(
        f"{clean(first)} names folders only; an input is a file.",
        f"The files in it: --batch '{clean(folder)}/*'      those further down too: --batch '{clean(folder)}/**/*'",
        code="NO_INPUTS",
    )


def is_file(name: str) -> bool:
    try:
        return os.path.isfile(name)  # noqa: PTH113 - a hundred thousand of them
    except ValueError:
        return False
