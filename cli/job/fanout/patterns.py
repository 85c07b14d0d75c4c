"""Globs as a shell with `**` expands them: hidden names only when asked for, no link to a folder followed by `**`."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = re.compile(r"[*?[]|\{[^{}]*,[^{}]*\}")
BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


@dataclass(slots=True)
class Walk:
    """What was met on the way: folders that match (they are no inputs), and folders that cannot be read, with why."""

    folders: int = 0
    unread: dict[str, str] = field(default_factory=dict)

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in a folder, sorted; nothing when it cannot be read, which is noted."""
        try:
            with os.scandir(folder or ".") as found:
                return sorted(found, key=lambda each: each.name)
        except OSError as broken:
            if not isinstance(broken, FileNotFoundError | NotADirectoryError):
                self.unread[folder or "."] = broken.strerror or "it cannot be read"
            return []

    def matches(self, pattern: str) -> Iterator[str]:
        """The files that match, folder by folder; a file that several ways lead to comes several times."""
        for each in unbraced(pattern):
            parts = [part for part in each.split("/") if part]
            parts = [part for i, part in enumerate(parts) if part != "**" or parts[i + 1 : i + 2] != ["**"]]
            yield from self.below("/" if each.startswith("/") else "", parts)

    def below(self, base: str, parts: list[str]) -> Iterator[str]:
        head, rest = parts[0], parts[1:]
        if head == "**":
            for folder in self.tree(base):
                yield from self.below(folder, rest or ["*"])
        elif not MAGIC.search(head):
            path = base + head
            if rest:
                yield from self.below(path + "/", rest)
            elif os.path.isdir(path):  # noqa: PTH112 - a hundred thousand of them
                self.folders += 1
            elif os.path.lexists(path):
                yield path
        else:
            yield from self.fitting(base, head, rest)

    def fitting(self, base: str, head: str, rest: list[str]) -> Iterator[str]:
        """What is in `base` and matches `head`."""
        fits = re.compile(fnmatch.translate(head)).match
        for entry in self.entries(base):
            if not fits(entry.name) or (entry.name.startswith(".") and not head.startswith(".")):
                continue
            if not is_folder(entry):
                if not rest:
                    yield base + entry.name
            elif rest:
                yield from self.below(f"{base}{entry.name}/", rest)
            else:
                self.folders += 1

    def tree(self, base: str) -> Iterator[str]:
        """`base` and all folders below it, each with a slash at its end; neither hidden ones nor links."""
        yield base
        for entry in self.entries(base):
            if is_folder(entry, links=False) and not entry.name.startswith("."):
                yield from self.tree(f"{base}{entry.name}/")


def is_folder(entry: os.DirEntry[str], *, links: bool = True) -> bool:
    """Whether it is a folder, or with `links` leads to one; a link that leads in a circle does not."""
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:
        return False


def is_pattern(word: str) -> bool:
    return MAGIC.search(word) is not None


def unbraced(pattern: str) -> list[str]:
    """`a.{csv,tsv}` as the patterns it stands for."""
    found = BRACES.search(pattern)
    if not found:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [each for choice in found[1].split(",") for each in unbraced(before + choice + after)]


def fixed_folder(pattern: str) -> str:
    """The folder that a pattern begins with, before its first special character; empty for this one."""
    return pattern[: MAGIC.search(pattern).start()].rpartition("/")[0] if is_pattern(pattern) else ""  # type: ignore[union-attr]
