"""The words behind `--batch`: everything up to the next option, since a shell may have expanded the glob already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import UsageProblem
from ...terminal.screen import typed
from ..script import BY_EXTENSION

OPTION = "--batch"
STDIN = "-"
"""The list of the inputs comes from there."""
SHOWN = 3


def collected(args: list[str], arity: Mapping[str, bool]) -> tuple[list[str], list[str] | None]:
    """`args` without `--batch` and its words, and those words; None when nobody typed --batch.

    `arity`: our options, and whether each takes a value. The script may stand behind the words too. Raises UsageProblem.
    """
    if not any(word == OPTION or word.startswith(OPTION + "=") for word in args):
        return args, None
    rest: list[str] = []
    found: list[str] = []
    taking = False
    for word in args:
        if word == OPTION or word.startswith(OPTION + "="):
            taking = word == OPTION
            found += [] if taking else [word.partition("=")[2]]
        elif taking and not is_option(word):
            found.append(word)
        else:
            taking = False
            rest.append(word)
    if any(word in ("-h", "--help") for word in rest):
        return rest, found
    if not plain(rest, arity):
        rest.insert(0, found.pop(script_among(found)))
    if not found:
        raise UsageProblem(
            "--batch names no inputs.",
            "Name them: rgrid run SCRIPT --batch 'data/*.csv'      or a list: --batch @list.txt",
        )
    return rest, found


def is_option(word: str) -> bool:
    return word.startswith("-") and word != STDIN


def plain(words: list[str], arity: Mapping[str, bool]) -> list[str]:
    """The words that are neither options nor their values."""
    found, rest = [], iter(words)
    for word in rest:
        if not is_option(word):
            found.append(word)
        elif arity.get(word, False):
            next(rest, None)
    return found


def script_among(words: list[str]) -> int:
    """Where the script is among the words behind --batch, when none stands before it; raises UsageProblem."""
    scripts = [i for i, word in enumerate(words) if Path(word).suffix in BY_EXTENSION]
    if len(scripts) == 1:
        return scripts[0]
    if len(words) == 2 and not scripts:
        return 1
    shown = " ".join(map(typed, words[:SHOWN])) + (" …" if len(words) > SHOWN else "")
    raise UsageProblem("Which one is the script?", f"It stands before --batch: rgrid run SCRIPT --batch {shown}")
