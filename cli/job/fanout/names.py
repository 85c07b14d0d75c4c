"""The folder that the results of each member come home to: where its input lies, or what its line of arguments says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from .items import Item

SLUG_CHARS_MAX = 60
NAME_BYTES_MAX = 255
ROOM_FOR_NUMBER = 8
UNSAFE = re.compile(r"[^\w.,=+@%-]+")
DASHES = re.compile("-{2,}")


def names(items: Iterable[Item]) -> list[str]:
    """A name each, in order: paths relative to the deepest folder that all files are in; slugs of lines. Unique."""
    items = list(items)
    places = [os.path.abspath(item.file) if item.file else "" for item in items]  # noqa: PTH100
    files = [place for place in places if place]
    root = common_folder(files)
    wanted = [place[len(root) :] if place else slug(item.line) for item, place in zip(items, places, strict=True)]
    return unique(wanted)


def common_folder(files: list[str]) -> str:
    """The deepest folder that holds all files, with a slash at its end; empty without files."""
    if not files:
        return ""
    folder = os.path.commonpath({os.path.dirname(each) for each in files})  # noqa: PTH120
    return folder.rstrip("/") + "/"


def slug(line: str) -> str:
    """A line of arguments as a plain file name: `--lr 0.1 --seed 3` is `lr-0.1-seed-3`."""
    text = DASHES.sub("-", UNSAFE.sub("-", line))[:SLUG_CHARS_MAX].strip("-.")
    while len(text.encode()) > NAME_BYTES_MAX - ROOM_FOR_NUMBER:
        text = text[:-1]
    return text or "line"


def unique(wanted: list[str]) -> list[str]:
    """Each name, or with ~2, ~3 behind it; none is a folder on the way to another."""
    ways = {folder for name in wanted for folder in above(name)}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    made = []
    for name in wanted:
        free = name
        while free in taken or free in ways:
            numbers[name] = numbers.get(name, 1) + 1
            free = f"{name}~{numbers[name]}"
        taken.add(free)
        made.append(free)
    return made


def above(name: str) -> list[str]:
    """`a/b/c` lies in `a` and `a/b`."""
    return [name[:i] for i, each in enumerate(name) if each == "/"]
