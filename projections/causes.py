"""What failures are grouped by: the last line without what differs from member to member."""

from __future__ import annotations

import re

CHARS_MAX = 500
NAME_CHARS_MIN = 3
_QUOTED = re.compile(r"""(?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`)""")
_WORD = re.compile(r"[^\s:;,()\[\]{}=<>*]+")
_RUN = re.compile(r"\*+(?:\s+\*+)*")


def masked(error_line: str, member: str) -> str:
    """`error_line` with `*` for the member's name, quoted texts, paths, and words with digits; at most CHARS_MAX characters."""
    text = error_line[:CHARS_MAX]
    for name in (member, member.rpartition("/")[2]):
        if len(name) >= NAME_CHARS_MIN:
            text = text.replace(name, "*")
    return _RUN.sub("*", _WORD.sub(_word, _QUOTED.sub("*", text)))


def _word(found: re.Match[str]) -> str:
    text = found[0]
    return "*" if "/" in text or any(each.isdigit() for each in text) else text
