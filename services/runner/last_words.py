"""The line on stderr that says why a script failed: what failures are shown by, and grouped by."""

from __future__ import annotations

import re
import unicodedata

from domain.execution.events import ERROR_LINE_CHARS_MAX, AttemptResult

TAIL_BYTES = 8192
"""Of stderr: what is looked at."""
SPOKEN = ("EXIT_CODE", "SIGNAL")
"""How a script ends that can have said why. What the kernel or a limit ended has its reason, not a last word."""
ABORTED = 6
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_BREAKS = re.compile(r"[\r\n]+")
_NODE = re.compile(r"Node\.js v\d[\w.+-]*")
_NO_WORDS = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that are nothing to read: controls, marks that turn the text around, line separators."""


def last_words(result: AttemptResult, tail: bytes) -> str:
    """What a script that failed said last on stderr, empty when it said nothing, or did not end by itself."""
    aborted = result.signal in (None, ABORTED)
    return error_line(tail) if result.status == "failed" and result.reason.code in SPOKEN and aborted else ""


def error_line(tail: bytes) -> str:
    """The last line of `tail` that says something, in ERROR_LINE_CHARS_MAX plain characters.

    For a traceback of Python that is the exception. Node says its version last, and where it was before that; the error stands
    in front of them, at the margin.
    """
    text = _ESCAPES.sub("", tail.decode("utf-8", "replace"))
    lines = [_plain(line) for line in _BREAKS.split(text)]
    lines = [line for line in lines if any(each.isalnum() for each in line)]
    if lines and _NODE.fullmatch(lines[-1]):
        lines = [line for line in lines[:-1] if not line[0].isspace()]
    found = lines[-1].strip() if lines else ""
    if len(tail) >= TAIL_BYTES and len(lines) == 1:
        found = f"…{found}"  # the beginning of the line is not known
    return found if len(found) <= ERROR_LINE_CHARS_MAX else f"{found[: ERROR_LINE_CHARS_MAX - 1]}…"


def _plain(line: str) -> str:
    return "".join(each for each in line.replace("\t", " ") if unicodedata.category(each) not in _NO_WORDS)
