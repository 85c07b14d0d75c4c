"""rgrid's own words on stderr, its answers on stdout: escaped, aligned, one colour per meaning."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import TextIO

from .passing import fresh

COLOURS = {"good": "32", "bad": "31", "busy": "36", "warn": "33", "stopped": "33", "quiet": "2"}
MARKS = {"good": "✔", "bad": "✘", "busy": "●", "warn": "●", "stopped": "✘", "quiet": "●"}
PLAIN_MARKS = {"✔": "+", "✘": "x", "●": "*", "·": "-", "€": "EUR ", "…": "...", "—": "-", "→": "->"}
COLUMN = 11
STAGE: list[Callable[[str], None]] = []
"""Who shows our lines while a part of the terminal is redrawn in place; the last one does."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object) -> str:
    """`text` with every control character written out (`\\x1b`), so that a name can neither move the cursor nor lie."""
    return CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), str(text))


def coloured(stream: TextIO) -> bool:
    """Whether colours may go to `stream`: NO_COLOR, then FORCE_COLOR, then whether it is a terminal that knows them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") not in (None, "", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, meaning: str, stream: TextIO) -> str:
    """`text` in the colour of `meaning`, where colours may be."""
    return f"\x1b[{COLOURS[meaning]}m{text}\x1b[0m" if text and coloured(stream) else text


def encodable(text: str, stream: TextIO) -> str:
    """`text` as `stream` can show it: ASCII stand-ins for our marks where the encoding lacks them."""
    encoding = stream.encoding or "ascii"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        for mark, plain in PLAIN_MARKS.items():
            text = text.replace(mark, plain)
        return text.encode(encoding, "backslashreplace").decode(encoding)


def tell(line: str) -> None:
    """One line of ours on stderr; above what is being redrawn there, if anything is."""
    if STAGE:
        STAGE[-1](line)
    else:
        put(encodable(line, sys.stderr) + "\n")


def put(text: str) -> None:
    """`text` on stderr at once, on a fresh line; a closed stderr is nobody's fault."""
    try:
        sys.stderr.write(fresh() + text)
        sys.stderr.flush()
    except (BrokenPipeError, ValueError, OSError):
        pass


def state(meaning: str, word: str, text: str = "") -> None:
    """`● running     on local-1`: a state change."""
    tell(
        f"{paint(MARKS[meaning], meaning, sys.stderr)} {paint(f'{word:<{COLUMN}}', meaning, sys.stderr)} {text}".rstrip()
    )


def detail(word: str, text: str) -> None:
    """`  outputs     ./outputs/…`: more about the state above."""
    tell(f"  {paint(f'{word:<{COLUMN}}', 'quiet', sys.stderr)} {text}".rstrip())


def typed(word: object) -> str:
    """A path or argument as it stands in a command to type."""
    import shlex

    return clean(shlex.quote(str(word)))


def following(command: str) -> None:
    """The next command to type."""
    detail("next", command)


def warn(text: str) -> None:
    """Something the person should know; nothing stops."""
    tell(f"{paint('!', 'warn', sys.stderr)} {text}")


def show(line: str) -> None:
    """One line of the answer on stdout."""
    sys.stdout.write(encodable(line, sys.stdout) + "\n")


def failure(message: str, *hints: str) -> None:
    """`✘ what failed (why)` and, below it, what to type."""
    tell(f"{paint('✘', 'bad', sys.stderr)} {message}")
    for hint in hints:
        for line in hint.splitlines():
            tell(f"  {line}")


def interactive() -> bool:
    """Whether a person sits there: our words reach a terminal."""
    return sys.stderr.isatty()
